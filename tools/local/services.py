"""The servers that bin/run starts if they are not configured: PostgreSQL, Valkey and the sandbox carrier."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from redis.exceptions import RedisError

from jobs.job_queue.redis_connection import open_redis_at
from processes.child_process import Program
from settings import mask_url
from tools.local import ports
from tools.local.environment import LocalConfig, LocalError
from tools.local.postgres import Postgres
from tools.local.postgres import prepare as prepare_postgres
from tools.local.programs import ALERTS, MAIL_SANDBOX, POSTGRES, QUICK_EXITS_ALLOWED, SANDBOX, VALKEY, Programs
from tools.local.valkey import Valkey
from tools.local.valkey import prepare as prepare_valkey
from tools.local.var_dir import VarDir, write_private


@dataclass(frozen=True, kw_only=True)
class Service:
    """A server to start, and a check whether it is ready."""

    program: Program
    is_ready: Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Services:
    """The servers, with ports and passwords that are generated once and stored in the var folder."""

    config: LocalConfig
    var: VarDir

    def check_redis(self) -> None:
        """Check that the configured Redis answers; without it nothing would be sent. Raises LocalError."""
        if self.config.queues_enabled and not self.config.needs_valkey:
            url = self.config.variables["REDIS_URL"]
            try:
                with open_redis_at(url, timeout_seconds=5.0) as redis:
                    redis.ping()
            except (RedisError, ValueError) as error:
                raise LocalError(f"REDIS_URL {mask_url(url)}: {error}") from error

    def all(self) -> Iterator[Service]:
        """Yield the servers that are needed, in the order of their start. Raises LocalError."""
        if self.config.needs_valkey:
            yield self._service(self._valkey.program(), self._valkey.is_ready)
        if self.config.needs_postgres:
            yield self._service(self._postgres.program(), self._postgres.is_ready)
        if self.config.needs_sandbox:
            port = self._port(SANDBOX)
            account_sid, _ = self._account  # this creates the token file
            token_file = self._secret_file(SANDBOX)
            programs = Programs(var=self.var, environment=self.config.variables)
            mail_port = self._port(MAIL_SANDBOX) if self.config.needs_mail_sandbox else None
            program = programs.sandbox(
                port=port,
                account_sid=account_sid,
                auth_token_file=token_file,
                mail_port=mail_port,
                inbound_url=f"{self.config.base_url}/inbound/sms",
            )
            yield self._service(program, lambda: _listens(port))

        if self.config.needs_alert_receiver:
            port_of_alerts = self._port(ALERTS)
            receiver = Programs(var=self.var, environment=self.config.variables).alert_receiver(port=port_of_alerts)
            yield self._service(receiver, lambda: _listens(port_of_alerts))

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the product. The servers must be ready."""
        environment = {
            "PORT": str(self.config.port),
            "PUBLIC_URL": self.config.base_url,
            "PYTHONUNBUFFERED": "1",
            **self.config.variables,
        }
        if "OPERATOR_PASSWORD" not in environment:
            environment["OPERATOR_PASSWORD"] = self._secret("operator")
        if self.config.needs_valkey:
            environment["REDIS_URL"] = self._valkey.url()
        if self.config.needs_postgres:
            environment["DATABASE_URL"] = self._postgres.make_application(self._secret("koinonia"))
        if self.config.needs_sandbox:
            environment["TWILIO_ACCOUNT_SID"], environment["TWILIO_AUTH_TOKEN"] = self._account
            environment.setdefault("MEDIA_ALLOW_PRIVATE", "true")
            environment["TWILIO_API_BASE_URL"] = f"http://127.0.0.1:{self._port(SANDBOX)}"
        if self.config.needs_alert_receiver:
            environment["ALERT_WEBHOOK_URL"] = f"http://127.0.0.1:{self._port(ALERTS)}/"
        if self.config.needs_mail_sandbox:
            environment["SMTP_URL"] = f"smtp://127.0.0.1:{self._port(MAIL_SANDBOX)}?starttls=never"
            environment.setdefault("SECRET_KEY", self.var.read_or_create("mail.secret", lambda: secrets.token_hex(32)))
        return environment

    @cached_property
    def _valkey(self) -> Valkey:
        return prepare_valkey(self.var.path / VALKEY, port=self._port(VALKEY), password=self._secret(VALKEY))

    @cached_property
    def _postgres(self) -> Postgres:
        folder, port = self.var.path / POSTGRES, self._port(POSTGRES)
        return prepare_postgres(folder, port=port, superuser_password=self._secret(POSTGRES))

    @cached_property
    def _ports(self) -> dict[str, int]:
        return {}

    def _port(self, name: str) -> int:
        """Return the port of the previous run, or a new one if that is taken."""
        if name not in self._ports:
            port = int(self.var.read_or_create(f"{name}.port", lambda: str(ports.choose_port())))
            if not ports.is_free("127.0.0.1", port):
                port = ports.choose_port()
                write_private(self.var.path / f"{name}.port", f"{port}\n")
            self._ports[name] = port
        return self._ports[name]

    def _secret(self, name: str) -> str:
        return self.var.read_or_create(self._secret_file(name).name, lambda: secrets.token_hex(12))

    def _secret_file(self, name: str) -> Path:
        return self.var.path / f"{name}.password"

    @property
    def _account(self) -> tuple[str, str]:
        account_sid = self.var.read_or_create(f"{SANDBOX}.account", lambda: "AC" + secrets.token_hex(16))
        return account_sid, self._secret(SANDBOX)

    def _service(self, program: Program, is_ready: Callable[[], bool]) -> Service:
        """Return the program as a service. It inherits the lock of the var folder, which protects its files."""
        watched = replace(
            program,
            output=self.var.logs / f"{program.name}.log",
            kept_fds=(self.var.lock_fd,),
            quick_exits_allowed=QUICK_EXITS_ALLOWED,
        )
        return Service(program=watched, is_ready=is_ready)


def _listens(port: int) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=2.0)):
            return True
    except OSError:
        return False
