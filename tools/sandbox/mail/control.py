"""The client of the control API of a running sandbox's mail server, for tests."""

import json
from base64 import b64decode
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tools.sandbox.mail.faults import DROP, HANG, MailFault, Step
from tools.sandbox.mail.ledger import TakenMail

__all__ = ["DROP", "HANG", "MailFault", "MailSandbox", "MailSandboxError", "MailSummary", "Step", "TakenMail", "parsed"]


class MailSandboxError(Exception):
    """The sandbox refused a request; the message states the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailSummary:
    """The mail server's counts."""

    mails: int
    """Mails accepted so far, one for each recipient."""
    connections: int
    """Connections opened so far."""
    faults_met: dict[str, int]
    """How often each fault happened since the faults were set, by names such as `rcpt: 450`."""


class MailSandbox:
    """The mail server of the sandbox whose control API is at `base_url`. Each request uses a new connection."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80

    @property
    def smtp_port(self) -> int:
        return json.loads(self._ask("GET", "port"))["port"]

    @property
    def smtp_url(self) -> str:
        """The value of SMTP_URL, without encryption."""
        return f"smtp://{self._host}:{self.smtp_port}?starttls=never"

    def mails(self) -> list[TakenMail]:
        """Return all accepted mails, in order."""
        rows: list[dict[str, Any]] = json.loads(self._ask("GET", "ledger"))["mails"]
        return [TakenMail(raw=b64decode(row.pop("raw")), **row) for row in rows]

    def summary(self) -> MailSummary:
        """Return the present counts."""
        return MailSummary(**json.loads(self._ask("GET", "summary")))

    def connections(self) -> int:
        """Return how many connections were opened."""
        return self.summary().connections

    def set_faults(self, *faults: MailFault) -> None:
        """Replace the faults."""
        self._ask("PUT", "faults", json.dumps([fault.to_json() for fault in faults]))

    def clear(self) -> None:
        """Delete all mails and faults."""
        self.set_faults()
        self._ask("DELETE", "ledger")

    def _ask(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host, self._port, timeout=30.0)
        try:
            connection.request(method, f"/_sandbox/mail/{path}", body)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise MailSandboxError(f"{method} {path}: {response.status} {answer.decode()}")
        return answer


def parsed(mail: TakenMail) -> EmailMessage:
    """Return the mail, parsed."""
    return message_from_bytes(mail.raw, policy=SMTP)
