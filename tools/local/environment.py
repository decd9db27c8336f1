"""The configuration of bin/run. This module is the only one in tools/local that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the project."""


class LocalError(Exception):
    """bin/run cannot continue; the message is one line for its user."""


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """What the user configured, and so which servers bin/run must start."""

    variables: Mapping[str, str]
    """The environment, without empty variables."""
    var_dir: Path
    """The folder for data, logs and generated secrets."""
    host: str
    port: int

    @property
    def queues_enabled(self) -> bool:
        # The product reports invalid values; here only whether Redis is needed matters.
        return self.variables.get("ENABLE_QUEUES", "true").strip().lower() not in {"false", "0", "no", "off", "f", "n"}

    @property
    def needs_postgres(self) -> bool:
        return "DATABASE_URL" not in self.variables

    @property
    def needs_valkey(self) -> bool:
        return self.queues_enabled and "REDIS_URL" not in self.variables

    @property
    def needs_sandbox(self) -> bool:
        """True without a Twilio account."""
        return "TWILIO_ACCOUNT_SID" not in self.variables

    @property
    def needs_mail_sandbox(self) -> bool:
        """True with the sandbox carrier and without SMTP_URL. With a Twilio account, mail must not go to a sandbox."""
        return self.needs_sandbox and "SMTP_URL" not in self.variables

    @property
    def needs_alert_receiver(self) -> bool:
        """True unless incidents are told elsewhere."""
        return not {"ALERT_WEBHOOK_URL", "ALERT_MAIL_TO", "ALERT_TEXT_TO"} & set(self.variables)

    @property
    def base_url(self) -> str:
        """The address of the API on this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def read_config() -> LocalConfig:
    """Read the environment. Raises LocalError."""
    variables = {name: value for name, value in os.environ.items() if value}
    if ("TWILIO_ACCOUNT_SID" in variables) != ("TWILIO_AUTH_TOKEN" in variables):
        raise LocalError("set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or neither for the sandbox carrier")
    port = variables.get("PORT", "8000")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise LocalError(f"PORT must be a number from 1 to 65535, not {port!r}")
    return LocalConfig(
        variables=variables,
        var_dir=var_dir_of(variables),
        host=variables.get("HOST", "127.0.0.1"),
        port=int(port),
    )


def var_dir_of(environment: Mapping[str, str]) -> Path:
    """Return the folder in VAR_DIR (relative to the project's folder if not absolute), or `var`."""
    return ROOT / (environment.get("VAR_DIR") or "var")


def terminal_environment() -> dict[str, str]:
    """Return the whole environment of this process."""
    return dict(os.environ)
