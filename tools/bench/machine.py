"""The servers that all candidates use: a new PostgreSQL, Valkey and sandbox carrier on loopback."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from redis import Redis

from processes.child_process import Program
from tools.bench.programs import Programs
from tools.local import ports, postgres, valkey
from tools.local.environment import ROOT
from tools.local.postgres import Postgres
from tools.local.valkey import Valkey
from tools.sandbox.control import Sandbox

POSTGRES, VALKEY, SANDBOX = "postgres", "valkey", "sandbox"

POSTGRES_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "log_min_messages": "warning"}
"""Durable as in production: fsync and synchronous_commit stay on. Memory as on an ordinary host."""

SANDBOX_OPTIONS = ("--callback-connections", "128", "--callback-backoff-ms", "200")

_READY_SECONDS = 60.0


class NotReady(Exception):
    """A condition was not met in time; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The running servers, and the programs that use them."""

    folder: Path
    programs: Programs
    postgres: Postgres
    valkey: Valkey
    sandbox: Sandbox
    database_url: str
    """The product's database for its plain role: DATABASE_URL."""

    @property
    def ledger_url(self) -> str:
        """The same database for the superuser, to whom row security does not apply."""
        user, password = postgres.SUPERUSER, self.postgres.superuser_password
        return self.postgres.url(user=user, password=password, database=postgres.APPLICATION)

    def open_ledger(self) -> Connection:
        """Open a connection as the superuser; each statement is its own transaction."""
        return Connection.connect(self.ledger_url, autocommit=True)

    def open_redis(self) -> Redis:
        return Redis.from_url(self.valkey.url())

    def pids(self) -> dict[str, tuple[int, ...]]:
        """Return the process ids of each server."""
        return {name: (self.programs.pid(name),) for name in (POSTGRES, VALKEY, SANDBOX)}

    def wait_until(
        self, is_so: Callable[[], bool], *, what: str, seconds: float = _READY_SECONDS, poll_seconds: float = 0.05
    ) -> None:
        """Wait for a condition. Raises NotReady after this time, and ProgramEnded when a program exits meanwhile."""
        deadline = time.monotonic() + seconds
        while not is_so():
            self.programs.check()
            if time.monotonic() > deadline:
                raise NotReady(f"{what}: not within {seconds:.0f} s (logs: {self.folder})")
            time.sleep(poll_seconds)

    def python(self, name: str, *arguments: str, environment: dict[str, str], drain_seconds: float = 10.0) -> Program:
        """Return a Python program of the project, with its log in the run's folder."""
        return Program(
            name=name,
            command=(sys.executable, *arguments),
            environment=environment,
            folder=ROOT,
            output=self.folder / f"{name}.log",
            drain_seconds=drain_seconds,
        )


def bare_environment(folder: Path) -> dict[str, str]:
    """Return a minimal environment, so that no setting of the user changes the readings."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


@contextmanager
def running_machine(folder: Path) -> Generator[Machine]:
    """Run the servers in `folder`, which must be empty, until the end of the block. Raises NotReady."""
    sandbox_port = ports.choose_port()
    ledger = postgres.prepare(
        folder / POSTGRES,
        port=ports.choose_port(),
        superuser_password=secrets.token_hex(8),
        settings=POSTGRES_SETTINGS,
    )
    redis = valkey.prepare(folder / VALKEY, port=ports.choose_port(), password=secrets.token_hex(8))
    with Programs() as programs:
        machine = Machine(
            folder=folder,
            programs=programs,
            postgres=ledger,
            valkey=redis,
            sandbox=Sandbox(f"http://127.0.0.1:{sandbox_port}", timeout_seconds=120.0),
            database_url=ledger.url(user=postgres.APPLICATION, password=_PASSWORD, database=postgres.APPLICATION),
        )
        programs.start(ledger.program(output=folder / "postgres.log"))
        programs.start(redis.program(output=folder / "valkey.log"))
        options = ("-m", "tools.sandbox", "--port", str(sandbox_port), *SANDBOX_OPTIONS)
        programs.start(machine.python(SANDBOX, *options, environment=bare_environment(folder)))
        machine.wait_until(ledger.is_ready, what="PostgreSQL is ready")
        machine.wait_until(redis.is_ready, what="Valkey is ready")
        machine.wait_until(lambda: _answers(machine.sandbox), what="the sandbox carrier is ready")
        ledger.make_application(_PASSWORD)
        yield machine


_PASSWORD = secrets.token_hex(8)


def _answers(sandbox: Sandbox) -> bool:
    with suppress(OSError):
        sandbox.summary()
        return True
    return False
