"""PgBouncer in transaction mode, where it is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from processes import child_process
from processes.child_process import Program
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local.unprivileged import find_privilege_drop

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""Its path, or None."""


@dataclass(frozen=True, kw_only=True)
class PgBouncer:
    url: str


@contextmanager
def running_pgbouncer(server_url: str, folder: Path, *, port: int, size: int = 3) -> Generator[PgBouncer]:
    """PgBouncer on `port` with `size` server connections, without any option that eases its mode."""
    assert PROGRAM is not None
    server = urlsplit(server_url)
    database = server.path[1:]
    lines = [
        "[databases]",
        f"{database} = host=127.0.0.1 port={server.port} user={server.username} password={server.password}",
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = any",
        "pool_mode = transaction",
        f"default_pool_size = {size}",
        "max_client_conn = 100",
    ]
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
    drop = find_privilege_drop(Path(PROGRAM), folder, death_signal="TERM")  # it refuses to run as root
    log = folder / "pgbouncer.log"
    command = (*drop.prefix, PROGRAM, str(folder / "pgbouncer.ini"))
    process = child_process.start(Program(name="pgbouncer", command=command, output=log))
    report_output("PgBouncer", log)
    url = f"postgresql://{server.username}@127.0.0.1:{port}/{database}"
    try:
        wait_until(lambda: process.poll() is not None or _answers(url), condition="PgBouncer answers, or has ended")
        assert process.poll() is None, log.read_text()
        yield PgBouncer(url=url)
    finally:
        child_process.kill(process)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
