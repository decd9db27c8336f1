"""The servers that every candidate shares: PostgreSQL, Valkey and the sandbox carrier, fresh and on loopback."""

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
"""Durable as in production: fsync and synchronous_commit stay on. Memory as any host would give it."""

SANDBOX_OPTIONS = ("--callback-connections", "32", "--callback-backoff-ms", "200")

_READY_SECONDS = 60.0


class NotReady(Exception):
    """Something did not come up, or not in time; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Running servers, and the processes beside them."""

    folder: Path
    programs: Programs
    postgres: Postgres
    valkey: Valkey
    sandbox: Sandbox
    database_url: str
    """The product's database for its plain role: DATABASE_URL."""

    @property
    def ledger_url(self) -> str:
        """The same database for the superuser, whom row-level security does not bind."""
        user, password = postgres.SUPERUSER, self.postgres.superuser_password
        return self.postgres.url(user=user, password=password, database=postgres.APPLICATION)

    def open_ledger(self) -> Connection:
        """A connection to it; each statement is its own transaction."""
        return Connection.connect(self.ledger_url, autocommit=True)

    def open_redis(self) -> Redis:
        return Redis.from_url(self.valkey.url())

    def pids(self) -> dict[str, tuple[int, ...]]:
        """The processes of each server."""
        return {name: (self.programs.pid(name),) for name in (POSTGRES, VALKEY, SANDBOX)}

    def wait_until(
        self, is_so: Callable[[], bool], *, what: str, seconds: float = _READY_SECONDS, poll_seconds: float = 0.05
    ) -> None:
        """Raises NotReady after that time, ProgramEnded when a program ends in the meantime."""
        deadline = time.monotonic() + seconds
        while not is_so():
            self.programs.check()
            if time.monotonic() > deadline:
                raise NotReady(f"{what}: not within {seconds:.0f} s (logs: {self.folder})")
            time.sleep(poll_seconds)

    def python(self, name: str, *arguments: str, environment: dict[str, str], drain_seconds: float = 10.0) -> Program:
        """A Python program of the project; its log goes to the run's folder."""
        return Program(
            name=name,
            command=(sys.executable, *arguments),
            environment=environment,
            folder=ROOT,
            output=self.folder / f"{name}.log",
            drain_seconds=drain_seconds,
        )


def bare_environment(folder: Path) -> dict[str, str]:
    """Nothing of the environment we run in but what a program needs: a setting of ours would change the reading."""
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
    """The servers in `folder`, which must be empty; ended with the block. Raises NotReady."""
    sandbox_port = ports.choose_port()
    ledger = postgres.prepare(
        folder / POSTGRES,
        port=ports.choose_port(),
        superuser_password=secrets.token_hex(8),
        settings=POSTGRES_SETTINGS,
    )
    bell = valkey.prepare(folder / VALKEY, port=ports.choose_port(), password=secrets.token_hex(8))
    with Programs() as programs:
        machine = Machine(
            folder=folder,
            programs=programs,
            postgres=ledger,
            valkey=bell,
            sandbox=Sandbox(f"http://127.0.0.1:{sandbox_port}", timeout_seconds=120.0),
            database_url=ledger.url(user=postgres.APPLICATION, password=_PASSWORD, database=postgres.APPLICATION),
        )
        programs.start(ledger.program(output=folder / "postgres.log"))
        programs.start(bell.program(output=folder / "valkey.log"))
        options = ("-m", "tools.sandbox", "--port", str(sandbox_port), *SANDBOX_OPTIONS)
        programs.start(machine.python(SANDBOX, *options, environment=bare_environment(folder)))
        machine.wait_until(ledger.is_ready, what="PostgreSQL is ready")
        machine.wait_until(bell.is_ready, what="Valkey is ready")
        machine.wait_until(lambda: _answers(machine.sandbox), what="the sandbox carrier is ready")
        ledger.make_application(_PASSWORD)
        yield machine


_PASSWORD = secrets.token_hex(8)


def _answers(sandbox: Sandbox) -> bool:
    with suppress(OSError):
        sandbox.summary()
        return True
    return False
