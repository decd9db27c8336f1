"""One SMTP session with a mail server, in which many mails can be submitted (RFC 5321, section 3)."""

from __future__ import annotations

import re
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from channels.elapsed_time import elapsed_seconds

SERVICE_CLOSING = 421
"""The server closes the connection, whatever the command was."""

_ENHANCED = re.compile(rb"([245])\.(\d{1,3})\.(\d{1,3})\b")
_LINE_WITH_DOT = re.compile(rb"(?m)^\.")


class Stage(StrEnum):
    """The step of a submission."""

    CONNECT = "connect"
    """Greeting, EHLO, STARTTLS."""
    LOGIN = "login"
    SENDER = "sender"
    """MAIL FROM."""
    RECIPIENT = "recipient"
    """RCPT TO."""
    CONTENT = "content"
    """From DATA up to the dot that ends the mail: the server cannot have the whole mail yet."""
    ACCEPTANCE = "acceptance"
    """The dot has been sent: from now on the server may have the mail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """A mail and its SMTP envelope. `raw` is the whole message, with CRLF line ends."""

    sender: str
    recipient: str
    raw: bytes


class SmtpRefusal(Exception):
    """The server refused a command. `enhanced` is the enhanced code (RFC 3463) such as `5.1.1`, if it sent one."""

    def __init__(self, stage: Stage, *, code: int, enhanced: str | None) -> None:
        super().__init__(f"{stage}: {code} {enhanced or ''}".rstrip())
        self.stage = stage
        self.code = code
        self.enhanced = enhanced

    @classmethod
    def from_reply(cls, stage: Stage, code: int, text: bytes | str) -> SmtpRefusal:
        """Leaves out the text of the reply: servers put addresses into it."""
        found = _ENHANCED.match(text if isinstance(text, bytes) else text.encode())
        return cls(stage, code=code, enhanced=found[0].decode() if found else None)


class SmtpFailure(Exception):
    """The connection could not be made, or was lost, or no reply came in time."""

    def __init__(self, stage: Stage, *, untrusted_certificate: bool = False, cause: BaseException) -> None:
        super().__init__(f"{stage}: {type(cause).__name__}")
        self.stage = stage
        self.untrusted_certificate = untrusted_certificate
        """The server's certificate cannot be verified."""
        self.cause_name = type(cause).__name__


class SmtpSession:
    """Submits one mail after the other. Not thread-safe."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp
        self._idle_since = elapsed_seconds()

        self.is_open = True

    @property
    def idle_seconds(self) -> float:
        return elapsed_seconds() - self._idle_since

    def submit(self, mail: Mail) -> None:
        """Submit one mail; the server has accepted it when this returns. Raises SmtpRefusal or SmtpFailure."""

        stage = Stage.SENDER
        try:
            require_code(stage, *self._smtp.mail(mail.sender), wanted=250)
            stage = Stage.RECIPIENT
            require_code(stage, *self._smtp.rcpt(mail.recipient), wanted=250)
            stage = Stage.CONTENT
            require_code(stage, *self._smtp.docmd("DATA"), wanted=354)
            # In one call: if it fails before everything is sent, the dot, which comes last, has not been sent either.
            self._smtp.send(_LINE_WITH_DOT.sub(b"..", mail.raw) + b".\r\n")
            stage = Stage.ACCEPTANCE
            require_code(stage, *self._smtp.getreply(), wanted=250)
        except SmtpRefusal as refused:
            self._reset(refused)
            raise
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise SmtpFailure(stage, cause=error) from None
        finally:
            self._idle_since = elapsed_seconds()

    def quit(self) -> None:
        """End the session with QUIT, if the server still responds, and close it."""
        with suppress(smtplib.SMTPException, OSError):
            self._smtp.quit()
        self.close()

    def close(self) -> None:
        self.is_open = False
        self._smtp.close()

    def _reset(self, refused: SmtpRefusal) -> None:
        """Prepare for the next mail. Closes the session if the server is closing it or refuses the reset."""
        if refused.code == SERVICE_CLOSING:
            self.close()
            return
        try:
            require_code(Stage.SENDER, *self._smtp.rset(), wanted=250)
        except (SmtpRefusal, smtplib.SMTPException, OSError):
            self.close()


def require_code(stage: Stage, code: int, text: bytes, *, wanted: int) -> None:
    """Raise SmtpRefusal for any code but `wanted`. 251 and 252 also accept a recipient (RFC 5321, section 4.2.3)."""
    if code != wanted and not (stage is Stage.RECIPIENT and code in (251, 252)):
        raise SmtpRefusal.from_reply(stage, code, text)
