"""One conversation with a mail server, over which many mails may go (RFC 5321, section 3)."""

from __future__ import annotations

import re
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from channels.elapsed_time import elapsed_seconds

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})\b")
_LINE_WITH_DOT = re.compile(rb"(?m)^\.")


class Stage(StrEnum):
    """How far a submission came."""

    CONNECT = "connect"
    """Greeting, EHLO, STARTTLS."""
    LOGIN = "login"
    SENDER = "sender"
    """MAIL FROM."""
    RECIPIENT = "recipient"
    """RCPT TO."""
    CONTENT = "content"
    """From DATA to the dot that ends the mail: the server cannot have it whole yet."""
    ACCEPTANCE = "acceptance"
    """The dot has left: from now on the server may have the mail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail and its envelope. `raw` is the whole message, lines ended by CRLF."""

    sender: str
    recipient: str
    raw: bytes


class Refused(Exception):
    """The server said no. `enhanced` is its finer code (RFC 3463), such as `5.1.1`, if it gave one."""

    def __init__(self, stage: Stage, *, code: int, enhanced: str | None) -> None:
        super().__init__(f"{stage}: {code} {enhanced or ''}".rstrip())
        self.stage = stage
        self.code = code
        self.enhanced = enhanced

    @classmethod
    def by(cls, stage: Stage, code: int, text: bytes | str) -> Refused:
        """The words themselves are left out: servers put addresses into them."""
        found = _ENHANCED.match(text if isinstance(text, bytes) else text.encode())
        return cls(stage, code=code, enhanced=found[0].decode() if found else None)


class Broken(Exception):
    """The connection could not be had, or was lost, or no answer came in time."""

    def __init__(self, stage: Stage, *, distrusted: bool = False, cause: BaseException) -> None:
        super().__init__(f"{stage}: {type(cause).__name__}")
        self.stage = stage
        self.distrusted = distrusted
        """The server's certificate cannot be verified."""
        self.cause_name = type(cause).__name__


class Conversation:
    """Hands over one mail after the other. Not for several threads at once."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp
        self._rested_since = elapsed_seconds()
        self.mails = 0
        """Handed over, or tried, so far."""
        self.is_open = True

    @property
    def rested_seconds(self) -> float:
        return elapsed_seconds() - self._rested_since

    def submit(self, mail: Mail) -> None:
        """Hand over one mail; returning means that the server has taken it. Raises Refused or Broken."""
        self.mails += 1
        stage = Stage.SENDER
        try:
            _expect(stage, *self._smtp.mail(mail.sender), wanted=250)
            stage = Stage.RECIPIENT
            _expect(stage, *self._smtp.rcpt(mail.recipient), wanted=250)
            stage = Stage.CONTENT
            _expect(stage, *self._smtp.docmd("DATA"), wanted=354)
            # In one piece: were it not sent to the end, the dot, which comes last, would not have left either.
            self._smtp.send(_LINE_WITH_DOT.sub(b"..", mail.raw) + b".\r\n")
            stage = Stage.ACCEPTANCE
            _expect(stage, *self._smtp.getreply(), wanted=250)
        except Refused as refused:
            self._start_over(refused)
            raise
        except (smtplib.SMTPException, OSError) as error:
            self.drop()
            raise Broken(stage, cause=error) from None
        finally:
            self._rested_since = elapsed_seconds()

    def leave(self) -> None:
        """Say goodbye, as far as the server still listens."""
        with suppress(smtplib.SMTPException, OSError):
            self._smtp.quit()
        self.drop()

    def drop(self) -> None:
        self.is_open = False
        self._smtp.close()

    def _start_over(self, refused: Refused) -> None:
        """Ready for the next mail, unless the server said that it closes (421) or does not say yes any more."""
        if refused.code == 421:
            self.drop()
            return
        try:
            _expect(Stage.SENDER, *self._smtp.rset(), wanted=250)
        except (Refused, smtplib.SMTPException, OSError):
            self.drop()


def _expect(stage: Stage, code: int, text: bytes, *, wanted: int) -> None:
    """251 and 252 are a yes to a recipient too (RFC 5321, section 4.2.3)."""
    if code != wanted and not (stage is Stage.RECIPIENT and code in (251, 252)):
        raise Refused.by(stage, code, text)
