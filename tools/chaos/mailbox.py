"""The mails that the mail server took, as a mail reader sees them."""

from __future__ import annotations

from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32

from tools.sandbox.mail.control import MailSandbox, TakenMail, parsed


@dataclass(frozen=True, kw_only=True, slots=True)
class MailRow:
    """One copy of a mail."""

    message_id: str
    """Without its angle brackets."""
    recipient: str
    """To whom it was handed over."""
    to: str
    """Whom it names."""
    subject: str
    body: str
    """The words of the church: the first line of the text."""

    @property
    def delivery_id(self) -> str:
        """Every attempt at a delivery makes the same Message-ID."""
        return self.message_id.partition("@")[0]


def read_mails(sandbox: MailSandbox) -> list[MailRow]:
    """All of them, in the order in which they were taken."""
    return [_read(mail) for mail in sandbox.mails()]


def _read(mail: TakenMail) -> MailRow:
    message = parsed(mail)
    text = message.get_body(("plain",))
    lines = "" if text is None else str(text.get_content())
    return MailRow(
        # As it stands there: what reads it as RFC 5322 wants it leaves out what does not belong.
        message_id=str(BytesHeaderParser(policy=compat32).parsebytes(mail.raw)["Message-ID"]).strip().strip("<>"),
        recipient=mail.recipient,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        body=lines.partition("\n")[0].strip(),
    )
