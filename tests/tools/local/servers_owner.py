"""Starts both embedded servers in a folder and waits until it is killed: `servers_owner.py FOLDER [nobody]`.

Prints one JSON line when both are ready. With `nobody`, PostgreSQL runs as where user namespaces are forbidden.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path

from processes import child_process
from tests.harness.waiting import wait_until
from tools.local import ports, postgres, unprivileged, valkey

folder = Path(sys.argv[1])
if sys.argv[2:] == ["nobody"]:
    unprivileged._candidates = lambda death_signal: iter([unprivileged.as_nobody(death_signal)])  # type: ignore[assignment]
database = postgres.prepare(folder / "postgres", port=ports.choose_port(), superuser_password="su")
redis = valkey.prepare(folder / "valkey", port=ports.choose_port(), password=secrets.token_hex(4))
processes = [
    child_process.start(database.program(output=folder / "postgres.log")),
    child_process.start(redis.program(output=folder / "valkey.log")),
]
wait_until(database.is_ready, timeout_seconds=60.0)
wait_until(redis.is_ready, timeout_seconds=60.0)
servers = {
    "pids": [process.pid for process in processes],
    "database_url": database.make_application("pass/word"),
    "redis_url": redis.url(),
}
sys.stdout.write(json.dumps(servers) + "\n")
sys.stdout.flush()
time.sleep(300)
