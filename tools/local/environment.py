"""What bin/run was told, and the environment it hands to the product. The only reader of the environment in dev/."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the project."""


class LocalError(Exception):
    """bin/run cannot go on; the message is one line for the person who started it."""


@dataclass(frozen=True, kw_only=True)
class Local:
    """What is configured, and so what bin/run must bring along."""

    given: Mapping[str, str]
    """The environment, without variables that are set to nothing."""
    var_dir: Path
    """Where everything that must outlive a run is kept. Relative to the project's folder when not absolute."""
    host: str
    port: int

    @property
    def queues_enabled(self) -> bool:
        # The product says what else is no boolean; here only "no Redis needed" matters.
        return self.given.get("ENABLE_QUEUES", "true").strip().lower() not in {"false", "0", "no", "off", "f", "n"}

    @property
    def needs_postgres(self) -> bool:
        return "DATABASE_URL" not in self.given

    @property
    def needs_valkey(self) -> bool:
        return self.queues_enabled and "REDIS_URL" not in self.given

    @property
    def needs_sandbox(self) -> bool:
        """No Twilio account was named. With one, nothing is ever sent that nobody asked for."""
        return "TWILIO_ACCOUNT_SID" not in self.given

    @property
    def needs_mail_sandbox(self) -> bool:
        """Beside the sandbox carrier: with a Twilio account no mail is taken by a server that throws it away."""
        return self.needs_sandbox and "SMTP_URL" not in self.given

    @property
    def base_url(self) -> str:
        """Where this machine reaches the API."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def read_local() -> Local:
    """Read the environment. Raises LocalError."""
    given = {name: value for name, value in os.environ.items() if value}
    if ("TWILIO_ACCOUNT_SID" in given) != ("TWILIO_AUTH_TOKEN" in given):
        raise LocalError("set both TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or neither for the sandbox carrier")
    port = given.get("PORT", "8000")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise LocalError(f"PORT must be a number from 1 to 65535, not {port!r}")
    return Local(
        given=given,
        var_dir=var_dir_of(given),
        host=given.get("HOST", "127.0.0.1"),
        port=int(port),
    )


def var_dir_of(environment: Mapping[str, str]) -> Path:
    """Returns the folder that VAR_DIR names, or `var`."""
    return ROOT / (environment.get("VAR_DIR") or "var")


def terminal_environment() -> dict[str, str]:
    """Returns every variable of the terminal that this process was started from."""
    return dict(os.environ)
