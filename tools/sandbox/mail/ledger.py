"""What the mail server took."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenMail:
    """One mail as it came in, dots unstuffed."""

    connection: int
    """The number of the connection it came over, from 1."""
    encrypted: bool
    user: str | None
    """Who had logged in."""
    sender: str
    """Of the envelope: where bounces go."""
    recipient: str
    raw: bytes


class MailLedger:
    """All mails in the order in which they were taken. One thread writes, others read."""

    def __init__(self) -> None:
        self.mails: list[TakenMail] = []
        self.connections = 0
        """Opened so far."""

    def clear(self) -> None:
        self.mails = []
        self.connections = 0

    def to_json(self) -> dict[str, Any]:
        """`raw` in base64."""
        return {
            "connections": self.connections,
            "mails": [
                {
                    "connection": mail.connection,
                    "encrypted": mail.encrypted,
                    "user": mail.user,
                    "sender": mail.sender,
                    "recipient": mail.recipient,
                    "raw": b64encode(mail.raw).decode(),
                }
                for mail in self.mails
            ],
        }
