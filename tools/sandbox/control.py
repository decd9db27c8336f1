"""How a test or a bench speaks to a running sandbox. Standard library only."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tools.sandbox.faults.faults import Faults, Next

__all__ = ["Faults", "LedgerRow", "Next", "Sandbox", "SandboxError", "Summary"]


class SandboxError(Exception):
    """The sandbox would not do what it was asked; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One accepted message, as the sandbox has it now."""

    number: int
    """Its place in the order of acceptance, from 1."""
    sid: str
    to: str
    sender: str | None
    body: str
    num_media: int
    status: str
    error_code: int | None
    created_at: float
    """Seconds since the epoch."""
    status_callback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The sandbox's counts since it began or was reset."""

    requests: int
    """To the carrier's API, of every kind."""
    create_requests: int
    """Of these, those that asked for a message with the right password, answered well or not."""
    accepted: int
    by_status: dict[str, int]
    under_way: int
    """Messages with a status still to come."""
    recipients: int
    """Different numbers."""
    recipients_repeated: int
    """Numbers with more than one message."""
    repeated: dict[str, int]
    """How many messages they have: the first 1,000 of these numbers."""
    faults_drawn: dict[str, int]
    """How often each fault happened since the faults were set."""
    callbacks: dict[str, int]
    """answered (2xx), refused (answered otherwise), retried, given_up, lost (by a fault), held, waiting."""
    callbacks_held: bool
    """Whether the switch is on hold."""

    @property
    def is_quiet(self) -> bool:
        """Every message has its last status and no callback is still to come (those held back apart)."""
        return self.under_way == 0 and self.callbacks["waiting"] == 0


class Sandbox:
    """A running sandbox at `base_url`, such as http://127.0.0.1:4010. A new connection for each question."""

    def __init__(self, base_url: str, *, timeout_seconds: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        address = urlsplit(self.base_url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._timeout_seconds = timeout_seconds

    def ledger(self) -> list[LedgerRow]:
        """All accepted messages, in order."""
        return list(self.rows())

    def rows(self, *, after: int = 0) -> Iterator[LedgerRow]:
        """Accepted messages from number `after + 1` on, one page in memory at a time."""
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        try:
            while lines := _ask(connection, "GET", f"ledger?after={after}").splitlines():
                for line in lines:
                    row: dict[str, Any] = json.loads(line)
                    yield LedgerRow(sender=row.pop("from"), **row)
                after += len(lines)
        finally:
            connection.close()

    def picture_url(self, name: str) -> str:
        """Where a PNG of that name can be fetched; any name will do."""
        return f"{self.base_url}/_sandbox/pictures/{name}.png"

    def summary(self) -> Summary:
        """The counts now."""
        return Summary(**json.loads(self._ask("GET", "summary")))

    def wait_until_quiet(self, *, timeout_seconds: float = 10.0) -> Summary:
        """Wait for the last statuses and their callbacks. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while not (summary := self.summary()).is_quiet:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not quiet: {summary}")
            time.sleep(0.01)
        return summary

    def set_faults(self, faults: Faults) -> None:
        """From now on these faults and no others; their dice start afresh."""
        self._ask("PUT", "faults", json.dumps(faults.to_json()))

    def faults(self) -> Faults:
        """The faults that are set."""
        return Faults.from_json(json.loads(self._ask("GET", "faults")))

    def clear_faults(self) -> None:
        """No faults any more."""
        self._ask("DELETE", "faults")

    def reset(self) -> None:
        """Forget all messages, counts and callbacks to come. Faults and the hold stay as they are."""
        self._ask("DELETE", "ledger")

    def hold_callbacks(self) -> None:
        """Keep every callback back from now on."""
        self._ask("POST", "callbacks/hold")

    def release_callbacks(self) -> None:
        """Let callbacks go again, those held back first."""
        self._ask("POST", "callbacks/release")

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        try:
            return _ask(connection, method, path, body)
        finally:
            connection.close()


def _ask(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> bytes:
    connection.request(method, f"/_sandbox/{path}", body)
    response = connection.getresponse()
    answer = response.read()
    if response.status >= 400:
        raise SandboxError(f"{method} {path}: {response.status} {answer.decode()}")
    return answer
