"""The mails that the mail server accepted."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenMail:
    """One accepted mail, after dot-unstuffing."""

    connection: int
    """The number of the connection that it arrived on, from 1."""
    encrypted: bool
    user: str | None
    """The user who had logged in."""
    sender: str
    """The envelope sender, where bounces go."""
    recipient: str
    raw: bytes


class MailLedger:
    """All mails in the order of acceptance. One thread writes, others read."""

    def __init__(self) -> None:
        self.mails: list[TakenMail] = []
        self.connections = 0
        """Connections opened so far."""

    def clear(self) -> None:
        self.mails = []
        self.connections = 0

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as JSON, with `raw` in base64."""
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
