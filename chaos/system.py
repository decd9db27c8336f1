"""The whole system in a folder of its own: servers, carrier, API, workers, clock."""

from __future__ import annotations

import random
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaos.fleet import Fleet
from chaos.parameters import Ablation, Parameters
from chaos.traps import Traps
from dev import ports, postgres, valkey
from dev.api_client import ApiClient
from dev.environment import ROOT
from dev.postgres import Postgres
from dev.valkey import Valkey
from jobs.tethered import Program
from sandbox.control import Sandbox
from sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

POSTGRES, VALKEY, SANDBOX, API, CLOCK = "postgres", "valkey", "sandbox", "api", "clock"
SMS_WORKERS = ("sms-workers-1", "sms-workers-2")
"""As on two hosts: each a worker.py of its own, with several processes."""
OTHER_WORKERS = "other-workers"
WORKERS = (*SMS_WORKERS, OTHER_WORKERS)

_SHORT_TIMES = {
    "LEASE_SECONDS": "5",
    "CARRIER_TIMEOUT_SECONDS": "2",
    "RECONCILE_FIRST_SECONDS": "1",
    "RECONCILE_READS": "3",
    "RECONCILE_SECONDS": "5",
    "RECEIPT_AFTER_SECONDS": "5",
    # Small turns: many claims, each a chance to die.
    "TURN_SIZE": "100",
    "CARRIER_CONNECTIONS": "100",
    "RETRY_LIMIT": "20",
}
_READY_SECONDS = 90.0


class NotStarted(Exception):
    """Something did not come up; the message says what, and where its log is."""


@dataclass(kw_only=True)
class System:
    """start() brings it up; its processes are the fleet's."""

    folder: Path
    parameters: Parameters
    fleet: Fleet
    traps: Traps
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def start(self) -> None:
        """Everything up and ready. Raises NotStarted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.traps.make_folders()
        self._ports = {name: _choose_port() for name in (POSTGRES, VALKEY, SANDBOX, API)}
        self.postgres = self._prepare_postgres()
        self.valkey = valkey.prepare(self.folder / VALKEY, port=self._ports[VALKEY], password=secrets.token_hex(8))
        self.fleet.start(self.postgres.program(output=self.log(POSTGRES)))
        self.fleet.start(self.valkey.program(output=self.log(VALKEY)))
        self.fleet.start(self._python(SANDBOX, "sandbox", "--port", str(self._ports[SANDBOX])))
        self._wait_for(POSTGRES, self.postgres.is_ready)
        self._wait_for(VALKEY, self.valkey.is_ready)
        self.environment = self._make_environment(self.postgres, self.valkey)
        self.run_once("store.migrate")
        self.fleet.start(self._python(API, "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"))
        for name in SMS_WORKERS:
            self.fleet.start(self._workers(name, "sms", "--processes", "3"))
        self.fleet.start(self._workers(OTHER_WORKERS, "mms", "mail", "analytics"))
        if Ablation.SWEEP not in self.parameters.ablations:
            self.fleet.start(self._python(CLOCK, "jobs.clock"))
        self._wait_for(API, ApiClient(base_url=self.api_url, timeout_seconds=5.0).is_ready)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[API]}"

    @property
    def sandbox(self) -> Sandbox:
        return Sandbox(f"http://127.0.0.1:{self._ports[SANDBOX]}")

    @property
    def ledger_url(self) -> str:
        """The database for somebody who sees every church: row-level security does not bind the superuser."""
        user, password = postgres.SUPERUSER, self.postgres.superuser_password
        return self.postgres.url(user=user, password=password, database=postgres.APPLICATION)

    def forget_redis(self) -> None:
        """Delete everything that Redis wrote to disk. It must be down."""
        shutil.rmtree(self.valkey.folder / "appendonlydir", ignore_errors=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def run_once(self, module: str, *arguments: str) -> str:
        """What a program of the project prints. Raises NotStarted when it fails."""
        command = (sys.executable, "-m", module, *arguments)
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_READY_SECONDS
        )
        if done.returncode != 0:
            raise NotStarted(f"{module} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def _prepare_postgres(self) -> Postgres:
        # Commits reach the kernel, so a killed server keeps them; only a power cut would not, and there is none here.
        settings = {"fsync": "off", "shared_buffers": "128MB", "log_min_messages": "warning"}
        port = self._ports[POSTGRES]
        return postgres.prepare(
            self.folder / POSTGRES, port=port, superuser_password=secrets.token_hex(8), settings=settings
        )

    def _make_environment(self, ledger: Postgres, bell: Valkey) -> dict[str, str]:
        return {
            **self._bare_environment(),
            **_SHORT_TIMES,
            "DATABASE_URL": ledger.make_application(secrets.token_hex(8)),
            "REDIS_URL": bell.url(),
            "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TWILIO_API_BASE_URL": self.sandbox.base_url,
            "PUBLIC_URL": self.api_url,
            "PORT": str(self._ports[API]),
            "WEB_CONCURRENCY": "2",
        }

    def _workers(self, name: str, *arguments: str) -> Program:
        ablations = [word for ablation in sorted(self.parameters.ablations) for word in ("--ablate", ablation)]
        options = ("--traps", str(self.traps.folder), *ablations, *arguments, "--drain-seconds", "15")
        return self._python(name, "chaos.crashing_workers", *options)

    def _python(self, name: str, module: str, *arguments: str) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-m", module, *arguments),
            environment=self.environment or self._bare_environment(),
            folder=ROOT,
            output=self.log(name),
        )

    def _bare_environment(self) -> Mapping[str, str]:
        """Nothing of the environment we run in but what Python needs: a setting of ours would change the run."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folder),
        }

    def _wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not is_ready():
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} is not ready after {_READY_SECONDS:.0f} s; see {self.log(name)}")
            self.fleet.tick()
            time.sleep(0.05)


def _choose_port() -> int:
    """Below the range that clients' connections take theirs from: while a server is down, nobody gets its port."""
    while True:
        port = random.randrange(12_000, 32_000)  # noqa: S311 - two runs at once should not choose alike
        if ports.is_free("127.0.0.1", port):
            return port
