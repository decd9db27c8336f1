"""The client of the control API of a running sandbox, for tests and benchmarks. Standard library only."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tools.sandbox.account.account import Account
from tools.sandbox.faults.faults import Faults, Next

__all__ = ["Account", "Faults", "InboundRow", "LedgerRow", "Next", "Sandbox", "SandboxError", "Summary"]


class SandboxError(Exception):
    """The sandbox refused a request; the message states the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One accepted message in its present state."""

    number: int
    """Its position in the order of acceptance, from 1."""
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
class InboundRow:
    """One message that a person wrote, and what became of its webhook."""

    number: int
    sid: str
    sender: str
    to: str
    text: str
    media: list[str]
    messaging_service_sid: str | None
    opt_out_type: str | None
    carrier_answer: str | None
    """What the carrier itself answered to the person."""
    attempts: int
    status: int | None
    """The HTTP status of the last answer; None before there is one."""
    answered_at: float | None
    """When the webhook was first answered with 2xx, in seconds since the epoch."""
    is_done: bool
    """The webhook was answered and is not repeated, or was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The sandbox's counts since it was started or reset."""

    requests: int
    """All requests to the carrier's API."""
    create_requests: int
    """Those of them that tried to create a message with valid credentials, successful or not."""
    accepted: int
    by_status: dict[str, int]
    under_way: int
    """Messages that have not reached their final status."""
    recipients: int
    """Distinct recipient numbers."""
    recipients_repeated: int
    """Recipient numbers with more than one message."""
    repeated: dict[str, int]
    """How many messages each of the first 1,000 of these numbers has."""
    faults_drawn: dict[str, int]
    """How often each fault happened since the faults were set."""
    callbacks: dict[str, int]
    """answered (2xx), refused (another status, not retried), retried, given_up, lost (by a fault), held, waiting."""
    callbacks_held: bool
    """Whether callbacks are held back."""
    inbound: int
    """Messages that people wrote."""
    inbound_waiting: int
    """Webhooks of these that are still to be answered."""
    opted_out: int
    """How many people the carrier refuses for a sender, because they sent STOP to it."""

    @property
    def is_quiet(self) -> bool:
        """Every message has its final status and no callback or webhook is waiting, except those held back."""
        return self.under_way == 0 and self.callbacks["waiting"] == 0 and self.inbound_waiting == 0


class Sandbox:
    """A running sandbox at `base_url`, such as http://127.0.0.1:4010. Each request uses a new connection."""

    def __init__(self, base_url: str, *, timeout_seconds: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        address = urlsplit(self.base_url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._timeout_seconds = timeout_seconds

    def ledger(self) -> list[LedgerRow]:
        """Return all accepted messages, in order."""
        return list(self.rows())

    def rows(self, *, after: int = 0) -> Iterator[LedgerRow]:
        """Yield accepted messages from number `after + 1` on, with one page in memory at a time."""
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        try:
            while lines := _request(connection, "GET", f"ledger?after={after}").splitlines():
                for line in lines:
                    row: dict[str, Any] = json.loads(line)
                    yield LedgerRow(sender=row.pop("from"), **row)
                after += len(lines)
        finally:
            connection.close()

    def set_inbound(self, *, url: str | None = None, opt_out_handling: str | None = None) -> None:
        """Set where messages from people are delivered, and how the carrier handles STOP: default, advanced or off."""
        given = {"url": url, "optOutHandling": opt_out_handling}
        body = {name: value for name, value in given.items() if value is not None}
        self._ask("PUT", "inbound/settings", json.dumps(body))

    def write(
        self,
        text: str,
        *,
        sender: str,
        to: str,
        media: Sequence[str] = (),
        opt_out_type: str | None = None,
        messaging_service_sid: str | None = None,
        sid: str | None = None,
    ) -> str:
        """Let a person write to a number. Returns the sid; with that of an earlier message, it is delivered again."""
        body = {
            "from": sender,
            "to": to,
            "text": text,
            "media": list(media),
            "optOutType": opt_out_type,
            "messagingServiceSid": messaging_service_sid,
            "sid": sid,
        }
        return json.loads(self._ask("POST", "inbound", json.dumps(body)))["sid"]

    def inbound(self) -> list[InboundRow]:
        """Return the messages that people wrote, in order."""
        rows: list[dict[str, Any]] = []
        while lines := self._ask("GET", f"inbound?after={len(rows)}").splitlines():
            rows += [json.loads(line) for line in lines]
        return [
            InboundRow(
                sender=row.pop("from"),
                messaging_service_sid=row.pop("messagingServiceSid"),
                opt_out_type=row.pop("optOutType"),
                carrier_answer=row.pop("carrierAnswer"),
                answered_at=row.pop("answeredAt"),
                is_done=row.pop("isDone"),
                **row,
            )
            for row in rows
        ]

    def picture_url(self, name: str) -> str:
        """Return a URL that serves a PNG; any name works."""
        return f"{self.base_url}/_sandbox/pictures/{name}.png"

    def summary(self) -> Summary:
        """Return the present counts."""
        return Summary(**json.loads(self._ask("GET", "summary")))

    def wait_until_quiet(self, *, timeout_seconds: float = 30.0) -> Summary:
        """Wait for the final statuses and their callbacks. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while not (summary := self.summary()).is_quiet:
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not quiet: {summary}")
            time.sleep(0.01)
        return summary

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults; their random draws start again from the seed."""
        self._ask("PUT", "faults", json.dumps(faults.to_json()))

    def faults(self) -> Faults:
        """Return the faults that are set."""
        return Faults.from_json(json.loads(self._ask("GET", "faults")))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._ask("DELETE", "faults")

    def reset(self) -> None:
        """Delete all messages, counts and unsent callbacks. Faults and the hold stay as they are."""
        self._ask("DELETE", "ledger")

    def set_account(self, account: Account) -> None:
        """Replace the account's state, numbers, services and registrations."""
        self._ask("PUT", "account", json.dumps(account.to_json()))

    def clear_account(self) -> None:
        """Restore the account that is in order and owns every number."""
        self._ask("DELETE", "account")

    def hold_callbacks(self) -> None:
        """Hold back every callback from now on."""
        self._ask("POST", "callbacks/hold")

    def release_callbacks(self) -> None:
        """Send callbacks again, those held back first."""
        self._ask("POST", "callbacks/release")

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        try:
            return _request(connection, method, path, body)
        finally:
            connection.close()


def _request(connection: HTTPConnection, method: str, path: str, body: str | None = None) -> bytes:
    connection.request(method, f"/_sandbox/{path}", body)
    response = connection.getresponse()
    answer = response.read()
    if response.status >= 400:
        raise SandboxError(f"{method} {path}: {response.status} {answer.decode()}")
    return answer
