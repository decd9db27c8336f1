"""The commands of the product's processes and of the sandbox carrier."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from processes.child_process import Program
from tools.local.environment import ROOT
from tools.local.var_dir import VarDir

API, WORKERS, CLOCK, SANDBOX, POSTGRES, VALKEY = "api", "workers", "clock", "sandbox", "postgres", "valkey"
ALERTS = "alerts"
"""Receives the notices of incidents and prints them."""
MAIL_SANDBOX = "mail-sandbox"
"""The mail port of the sandbox; not a program of its own."""

STOP_ORDER = (API, WORKERS, CLOCK, ALERTS, SANDBOX, POSTGRES, VALKEY)
"""Programs are stopped before those that they need while they drain."""

SHOWN = (API, WORKERS, CLOCK, ALERTS, SANDBOX)
"""The programs whose logs are shown in the terminal too. The logs of the servers are only in files."""

QUICK_EXITS_ALLOWED = 4
"""After more quick exits than this, bin/run gives up."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Python programs of the project, with one environment and their logs in the var folder."""

    var: VarDir
    environment: Mapping[str, str]

    def migrate(self) -> Program:
        return self._program("migrate", "store.migrate")

    def api(self) -> Program:
        return self._program(API, "gunicorn", "--config", "gunicorn.conf.py", "wsgi:app", drain_seconds=40.0)

    def workers(self) -> Program:
        # Its children may take 60 s.
        return self._python(WORKERS, "worker.py", drain_seconds=70.0)

    def clock(self) -> Program:
        return self._program(CLOCK, "jobs.clock", drain_seconds=20.0)

    def sandbox(
        self, *, port: int, account_sid: str, auth_token_file: Path, mail_port: int | None, inbound_url: str
    ) -> Program:
        options = ("--port", str(port), "--account-sid", account_sid, "--auth-token-file", str(auth_token_file))
        mail = () if mail_port is None else ("--mail-port", str(mail_port))
        inbound = ("--inbound-url", inbound_url)
        return self._program(SANDBOX, "tools.sandbox", "--host", "127.0.0.1", *options, *mail, *inbound)

    def alert_receiver(self, *, port: int) -> Program:
        return self._program(ALERTS, "tools.local.alert_receiver", str(port))

    def _program(self, name: str, module: str, *arguments: str, drain_seconds: float = 10.0) -> Program:
        return self._python(name, "-m", module, *arguments, drain_seconds=drain_seconds)

    def _python(self, name: str, *arguments: str, drain_seconds: float) -> Program:
        return Program(
            name=name,
            command=(sys.executable, *arguments),
            environment=self.environment,
            folder=ROOT,
            output=self.var.logs / f"{name}.log",
            kept_fds=(self.var.lock_fd,),
            drain_seconds=drain_seconds,
            quick_exits_allowed=QUICK_EXITS_ALLOWED,
        )
