"""The whole system, in a folder of its own: PostgreSQL, Redis, the sandbox carrier, API, workers and clocks."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from processes.child_process import Program
from tools.chaos.parameters import Ablation, Parameters
from tools.chaos.system.environment import bare_environment, make_environment
from tools.chaos.system.supervised_processes import SupervisedProcesses
from tools.chaos.worker.armed_failpoints import ArmedFailpoints
from tools.local import ports, postgres, valkey
from tools.local.api_client import ApiClient
from tools.local.environment import ROOT
from tools.local.postgres import Postgres
from tools.sandbox.control import Sandbox
from tools.sandbox.mail.control import MailSandbox

POSTGRES, VALKEY, SANDBOX, API = "postgres", "valkey", "sandbox", "api"
CLOCKS = ("clock-1", "clock-2")
"""One is enough in production; the run shows that two do not run a schedule twice."""
MAIL_SERVER = "mail-server"
"""A second port of the sandbox."""
SMS_WORKERS = ("sms-workers-1", "sms-workers-2")
"""Two worker.py with several processes each, as on two hosts."""
MAIL_WORKERS = "mail-workers"
OTHER_WORKERS = "other-workers"
WORKERS = (*SMS_WORKERS, MAIL_WORKERS, OTHER_WORKERS)

_READY_SECONDS = 90.0


class NotStarted(Exception):
    """A part of the system did not start; the message says which, and where its log is."""


@dataclass(kw_only=True)
class System:
    """start() starts everything. `processes` keeps it running and ends it."""

    folder: Path
    parameters: Parameters
    processes: SupervisedProcesses
    failpoints: ArmedFailpoints
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises NotStarted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.failpoints.make_folders()
        self._ports = {name: ports.choose_port() for name in (POSTGRES, VALKEY, SANDBOX, MAIL_SERVER, API)}
        self.postgres = self._prepare_postgres()
        self.valkey = valkey.prepare(self.folder / VALKEY, port=self._ports[VALKEY], password=secrets.token_hex(8))
        self.processes.start(self.postgres.program(output=self.log(POSTGRES)))
        self.processes.start(self.valkey.program(output=self.log(VALKEY)))
        listening = ("--port", str(self._ports[SANDBOX]), "--mail-port", str(self._ports[MAIL_SERVER]))
        self.processes.start(self._python(SANDBOX, "tools.sandbox", *listening))
        self._wait_for(POSTGRES, self.postgres.is_ready)
        self._wait_for(VALKEY, self.valkey.is_ready)
        self._wait_for(SANDBOX, self._sandbox_is_ready)
        self.environment = self._make_environment()
        self.run_once("store.migrate")
        self.processes.start(self._python(API, "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"))
        for name in SMS_WORKERS:
            self.processes.start(self._workers(name, "sms", "--processes", "3"))
        self.processes.start(self._workers(MAIL_WORKERS, "mail", "--processes", "2"))
        self.processes.start(self._workers(OTHER_WORKERS, "mms", "analytics"))
        if Ablation.SWEEP not in self.parameters.ablations:
            for name in CLOCKS:
                self.processes.start(self._python(name, "jobs.clock"))
        self._wait_for(API, ApiClient(base_url=self.api_url, timeout_seconds=5.0).is_ready)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[API]}"

    @property
    def sandbox(self) -> Sandbox:
        return Sandbox(f"http://127.0.0.1:{self._ports[SANDBOX]}")

    @property
    def mail_sandbox(self) -> MailSandbox:
        return MailSandbox(self.sandbox.base_url)

    @property
    def superuser_url(self) -> str:
        """The database as its superuser, whom row security does not restrict: it sees every church."""
        user, password = postgres.SUPERUSER, self.postgres.superuser_password
        return self.postgres.url(user=user, password=password, database=postgres.APPLICATION)

    def delete_redis_data(self) -> None:
        """Delete what Redis wrote to disk. It must be down."""
        shutil.rmtree(self.valkey.folder / "appendonlydir", ignore_errors=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def run_once(self, module: str, *arguments: str) -> str:
        """Run a module of the project to its end and return its output. Raises NotStarted when it fails."""
        command = (sys.executable, "-m", module, *arguments)
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_READY_SECONDS
        )
        if done.returncode != 0:
            raise NotStarted(f"{module} failed: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def _sandbox_is_ready(self) -> bool:
        with suppress(OSError, HTTPException):
            self.sandbox.summary()
            return True
        return False

    def _prepare_postgres(self) -> Postgres:
        # Without fsync a commit still reaches the kernel: it survives a killed server, though not a power cut.
        settings = {"fsync": "off", "shared_buffers": "128MB", "log_min_messages": "warning"}
        port = self._ports[POSTGRES]
        return postgres.prepare(
            self.folder / POSTGRES, port=port, superuser_password=secrets.token_hex(8), settings=settings
        )

    def _make_environment(self) -> dict[str, str]:
        return make_environment(
            self.folder,
            database_url=self.postgres.make_application(secrets.token_hex(8)),
            redis_url=self.valkey.url(),
            carrier_url=self.sandbox.base_url,
            smtp_url=f"smtp://127.0.0.1:{self._ports[MAIL_SERVER]}?starttls=never",
            api_url=self.api_url,
            secret=secrets.token_hex(32),
        )

    def _workers(self, name: str, *arguments: str) -> Program:
        ablations = [word for ablation in sorted(self.parameters.ablations) for word in ("--ablate", ablation)]
        any_queue = ("--any-queue-after-seconds", str(self.parameters.any_queue_after_seconds))
        options = ("--failpoints", str(self.failpoints.folder), *any_queue, *ablations)
        return self._python(name, "tools.chaos.worker.worker_supervisor", *options, *arguments, "--drain-seconds", "15")

    def _python(self, name: str, module: str, *arguments: str) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-m", module, *arguments),
            environment=self.environment or bare_environment(self.folder),
            folder=ROOT,
            output=self.log(name),
        )

    def _wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not is_ready():
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} is not ready after {_READY_SECONDS:.0f} s; see {self.log(name)}")
            self.processes.restart_exited()
            time.sleep(0.05)
