"""The mail server that SMTP_URL names, and a line to it that is opened, encrypted and logged in."""

from __future__ import annotations

import base64
import smtplib
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from channels.mail.smtp_session import Broken, Conversation, Refused, Stage

CONNECT_TIMEOUT_SECONDS = 10.0


class Encryption(StrEnum):
    STARTTLS = "starttls"
    """Asked for right after the greeting, and insisted on (RFC 3207)."""
    IMPLICIT = "implicit"
    """From the first byte (RFC 8314)."""
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """Where mail is submitted, and as whom."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> MailServer:
        """What an SMTP_URL says, its user and password percent-decoded. Its shape was checked with the settings."""
        parts = urlsplit(url)
        if parts.scheme == "smtps":
            encryption, port = Encryption.IMPLICIT, 465
        else:
            never = parse_qs(parts.query).get("starttls") == ["never"]
            encryption, port = (Encryption.NONE if never else Encryption.STARTTLS), 587
        return cls(
            host=parts.hostname or "",
            port=parts.port or port,
            encryption=encryption,
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )

    def open(self, *, own_name: str, timeout_seconds: float) -> Conversation:
        """A conversation that is ready for mail. `own_name` is what we call ourselves.

        Raises Refused, and Broken when the server cannot be reached or its certificate not be trusted.
        """
        stage = Stage.CONNECT
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connected(own_name)
            _expect(Stage.CONNECT, *smtp.ehlo(), wanted=250)
            if self.encryption is Encryption.STARTTLS:
                _start_tls(smtp)
            if self.user is not None:
                stage = Stage.LOGIN
                _log_in(smtp, self.user, self.password or "")
            assert smtp.sock is not None  # noqa: S101 - it is connected
            smtp.sock.settimeout(timeout_seconds)
        except smtplib.SMTPResponseException as error:  # of connecting and of logging in
            _close(smtp)
            raise Refused.by(stage, error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            _close(smtp)
            raise Refused.by(stage, 502, b"5.5.1 not offered") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            _close(smtp)
            raise Broken(stage, distrusted=isinstance(error, ssl.SSLCertVerificationError), cause=error) from None
        except Refused:
            _close(smtp)
            raise
        return Conversation(smtp)

    def _connected(self, own_name: str) -> smtplib.SMTP:
        if self.encryption is Encryption.IMPLICIT:
            return smtplib.SMTP_SSL(
                self.host,
                self.port,
                local_hostname=own_name,
                timeout=CONNECT_TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self.host, self.port, local_hostname=own_name, timeout=CONNECT_TIMEOUT_SECONDS)


def _start_tls(smtp: smtplib.SMTP) -> None:
    if not smtp.has_extn("starttls"):
        raise Refused.by(Stage.CONNECT, 502, b"5.5.1 STARTTLS is not offered")
    _expect(Stage.CONNECT, *smtp.starttls(context=ssl.create_default_context()), wanted=220)
    _expect(Stage.CONNECT, *smtp.ehlo(), wanted=250)


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """By PLAIN in UTF-8 (RFC 4616) where it is offered: the library's own way takes nothing beyond ASCII."""
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").upper().split():
        smtp.login(user, password)
        return
    secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    _expect(Stage.LOGIN, *smtp.docmd("AUTH", f"PLAIN {secret}"), wanted=235)


def _expect(stage: Stage, code: int, text: bytes, *, wanted: int) -> None:
    if code != wanted:
        raise Refused.by(stage, code, text)


def _close(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()
