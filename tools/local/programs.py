"""The product's own processes, and the sandbox carrier, as bin/run starts them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from processes.child_process import Program
from tools.local.environment import ROOT
from tools.local.var_dir import VarDir

API, WORKERS, CLOCK, SANDBOX, POSTGRES, VALKEY = "api", "workers", "clock", "sandbox", "postgres", "valkey"
MAIL_SANDBOX = "mail-sandbox"
"""A port of the sandbox's, not a program of its own."""

STOP_ORDER = (API, WORKERS, CLOCK, SANDBOX, POSTGRES, VALKEY)
"""Nothing loses what it still needs while it drains."""

SHOWN = (API, WORKERS, CLOCK, SANDBOX)
"""Whose logs come to the terminal too; the servers' are in their files."""

DEATHS_ALLOWED = 4
"""Ends in quick succession, after which it is plain that waiting does not mend it."""


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
        # Its own children get 60 s: it needs a little longer.
        return self._python(WORKERS, "worker.py", drain_seconds=70.0)

    def clock(self) -> Program:
        return self._program(CLOCK, "jobs.clock", drain_seconds=20.0)

    def sandbox(self, *, port: int, account_sid: str, auth_token_file: Path, mail_port: int | None) -> Program:
        options = ("--port", str(port), "--account-sid", account_sid, "--auth-token-file", str(auth_token_file))
        mail = () if mail_port is None else ("--mail-port", str(mail_port))
        return self._program(SANDBOX, "tools.sandbox", "--host", "127.0.0.1", *options, *mail)

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
            quick_exits_allowed=DEATHS_ALLOWED,
        )
