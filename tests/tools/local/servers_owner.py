"""Starts both embedded servers in a folder and waits, as a process to be killed: `servers_owner.py FOLDER [WAY]`.

Prints one JSON line when both serve. WAY `nobody`: as if user namespaces were forbidden here.
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
    unprivileged._ways = lambda death_signal: iter([unprivileged.as_nobody(death_signal)])  # type: ignore[assignment]
database = postgres.prepare(folder / "postgres", port=ports.choose_port(), superuser_password="su")
bell = valkey.prepare(folder / "valkey", port=ports.choose_port(), password=secrets.token_hex(4))
processes = [
    child_process.start(database.program(output=folder / "postgres.log")),
    child_process.start(bell.program(output=folder / "valkey.log")),
]
wait_until(database.is_ready, timeout_seconds=30.0)
wait_until(bell.is_ready, timeout_seconds=30.0)
told = {
    "pids": [process.pid for process in processes],
    "database_url": database.make_application("pass/word"),
    "redis_url": bell.url(),
    "way": database.way.prefix[:1],
}
sys.stdout.write(json.dumps(told) + "\n")
sys.stdout.flush()
time.sleep(300)
