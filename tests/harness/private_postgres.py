"""A PostgreSQL with a migrated database for one test module, which may suspend and kill it."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from processes import child_process
from store.migrate import migrate
from tests.harness.process_output import report_output
from tests.harness.suspended_process import suspended
from tests.harness.waiting import wait_until
from tools.local import ports, postgres
from tools.local.postgres import Postgres


class PrivatePostgres:
    """start() also starts it after a kill. Committed data survives, because every commit is written to the kernel."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self._server, self._folder = server, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def superuser_url(self) -> str:
        """The URL of the same database for a superuser."""
        return self._server.superuser_url.removesuffix("/postgres") + f"/{postgres.APPLICATION}"

    def start(self) -> None:
        log = self._folder / "postgres.log"
        self._process = child_process.start(self._server.program(output=log))
        report_output("the private PostgreSQL", log)
        wait_until(self._server.is_ready, timeout_seconds=60, condition="the private PostgreSQL accepts connections")
        self.url = self._server.make_application("tests")
        migrate(self.url)

    def kill(self) -> None:
        if self._process is not None:
            child_process.kill(self._process)

    def suspended(self) -> AbstractContextManager[None]:
        """Suspend the postmaster and its backends inside the block."""
        assert self._process is not None
        return suspended(self._process.pid)

    def socket_url(self) -> str:
        """Return the URL of the database over the server's Unix socket."""
        user = f"{postgres.APPLICATION}:tests"
        return f"postgresql://{user}@:{self.port}/{postgres.APPLICATION}?host={self._folder}"


@contextmanager
def private_postgres(folder: Path, **more_settings: str) -> Generator[PrivatePostgres]:
    settings = {"fsync": "off", "shared_buffers": "16MB", "unix_socket_directories": str(folder), **more_settings}
    server = postgres.prepare(
        folder / "postgres", port=ports.choose_port(), superuser_password="tests", settings=settings
    )
    own = PrivatePostgres(server, folder)
    try:
        own.start()
        yield own
    finally:
        own.kill()
