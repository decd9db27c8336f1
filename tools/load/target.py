"""The system to which bin/load sends: what bin/run started, or an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tools.bench.load import Address
from tools.load.options import Options
from tools.local import demo_church
from tools.local.environment import LocalError, var_dir_of
from tools.local.flask_command import command_environment

_SANDBOX_HOSTS = {"127.0.0.1", "localhost", "::1"}
# 555-0100 to 555-0199 are reserved for fiction: nobody has these numbers.
_FICTIONAL = tuple(f"+1202555{number:04d}" for number in range(100, 200))


@dataclass(frozen=True, kw_only=True)
class Target:
    url: str
    key: str = field(repr=False)
    church_id: str
    recipients: tuple[str, ...]
    redis_url: str | None = field(repr=False)
    """None without queues, or if it is not known."""
    is_sandbox: bool
    """Whether the carrier is a sandbox on this machine. If not, messages are real."""

    @property
    def address(self) -> Address:
        """Raises LocalError if the URL is not an address of a server."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise LocalError(f"--url must be like https://texting.example.org, not {self.url}")
        tls = parts.scheme == "https"
        return Address(host=parts.hostname, port=parts.port or (443 if tls else 80), tls=tls)


def find_target(options: Options, environment: Mapping[str, str]) -> Target:
    """Return the system that the options name.

    Raises LocalError if nothing runs there, or if messages would be real and that is not confirmed.
    """
    target = _local(options, environment) if options.url is None else _remote(options, environment)
    if not target.is_sandbox:
        _refuse_unconfirmed(options)
    return target


def _local(options: Options, environment: Mapping[str, str]) -> Target:
    running = command_environment(environment)
    church = demo_church.read(var_dir_of(environment) / "demo.env")
    if church is None:
        raise LocalError("bin/run has no demo church: give --url, --key and --church")
    return Target(
        url=running["PUBLIC_URL"],
        key=church.api_key,
        church_id=church.church_id,
        recipients=options.recipients or _FICTIONAL,
        redis_url=running.get("REDIS_URL"),
        is_sandbox=_is_local(running.get("TWILIO_API_BASE_URL", "")),
    )


def _remote(options: Options, environment: Mapping[str, str]) -> Target:
    assert options.url is not None  # noqa: S101
    assert options.key is not None  # noqa: S101
    assert options.church is not None  # noqa: S101
    return Target(
        url=options.url.rstrip("/"),
        key=options.key,
        church_id=options.church,
        recipients=options.recipients,
        redis_url=environment.get("REDIS_URL"),
        is_sandbox=False,
    )


def _refuse_unconfirmed(options: Options) -> None:
    if not options.recipients:
        raise LocalError("name the numbers that get the messages with --to")
    if not options.real_messages:
        raise LocalError(
            f"this sends {options.messages} REAL text messages, unless the carrier of that system is a sandbox. "
            "Add --real-messages to confirm"
        )


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in _SANDBOX_HOSTS
