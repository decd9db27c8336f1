"""Reads the mails that the mail server accepted, and the parts of them that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32

from tools.sandbox.mail.control import MailSandbox, TakenMail, parsed


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMail:
    """One copy of a mail."""

    message_id: str
    """The Message-ID without its angle brackets."""
    recipient: str
    """The recipient in the SMTP envelope."""
    to: str
    """The recipient in the header."""
    subject: str
    body: str
    """The message's content: the first line of the text part."""

    @property
    def delivery_id(self) -> str:
        """The delivery, which every attempt writes into the Message-ID."""
        return self.message_id.partition("@")[0]


def read_received_mails(sandbox: MailSandbox) -> list[ReceivedMail]:
    """All of them, in the order in which they were accepted."""
    return [_read(mail) for mail in sandbox.mails()]


def _read(mail: TakenMail) -> ReceivedMail:
    message = parsed(mail)
    text = message.get_body(("plain",))
    content = "" if text is None else str(text.get_content())
    return ReceivedMail(
        # As it was sent: a strict RFC 5322 parser would drop characters that are not allowed there.
        message_id=str(BytesHeaderParser(policy=compat32).parsebytes(mail.raw)["Message-ID"]).strip().strip("<>"),
        recipient=mail.recipient,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        body=content.partition("\n")[0].strip(),
    )
