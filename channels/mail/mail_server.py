"""The mail server that SMTP_URL names: connects, encrypts and logs in."""

from __future__ import annotations

import base64
import smtplib
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from channels.mail.smtp_session import SmtpFailure, SmtpRefusal, SmtpSession, Stage, require_code

CONNECT_TIMEOUT_SECONDS = 10.0


class Encryption(StrEnum):
    STARTTLS = "starttls"
    """Started right after the greeting, and required (RFC 3207)."""
    IMPLICIT = "implicit"
    """From the first byte (RFC 8314)."""
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """The address of the mail server and the login."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> MailServer:
        """Read from an SMTP_URL, which settings.py has validated. User and password are percent-decoded."""
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

    def open(self, *, service_host: str, timeout_seconds: float) -> SmtpSession:
        """A session that is ready for mail. `service_host` is sent in EHLO.

        Raises SmtpRefusal; SmtpFailure when the server cannot be reached or its certificate cannot be verified.
        """
        stage = Stage.CONNECT
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connected(service_host)
            require_code(Stage.CONNECT, *smtp.ehlo(), wanted=250)
            if self.encryption is Encryption.STARTTLS:
                _start_tls(smtp)
            if self.user is not None:
                stage = Stage.LOGIN
                _log_in(smtp, self.user, self.password or "")
            assert smtp.sock is not None  # noqa: S101 - it is connected
            smtp.sock.settimeout(timeout_seconds)
        except smtplib.SMTPResponseException as error:  # raised by connecting and by logging in
            _close(smtp)
            raise SmtpRefusal.from_reply(stage, error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            _close(smtp)
            raise SmtpRefusal.from_reply(stage, 502, b"5.5.1 not offered") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            _close(smtp)
            raise SmtpFailure(
                stage, untrusted_certificate=isinstance(error, ssl.SSLCertVerificationError), cause=error
            ) from None
        except SmtpRefusal:
            _close(smtp)
            raise
        return SmtpSession(smtp)

    def _connected(self, service_host: str) -> smtplib.SMTP:
        if self.encryption is Encryption.IMPLICIT:
            return smtplib.SMTP_SSL(
                self.host,
                self.port,
                local_hostname=service_host,
                timeout=CONNECT_TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self.host, self.port, local_hostname=service_host, timeout=CONNECT_TIMEOUT_SECONDS)


def _start_tls(smtp: smtplib.SMTP) -> None:
    if not smtp.has_extn("starttls"):
        raise SmtpRefusal.from_reply(Stage.CONNECT, 502, b"5.5.1 STARTTLS is not offered")
    require_code(Stage.CONNECT, *smtp.starttls(context=ssl.create_default_context()), wanted=220)
    require_code(Stage.CONNECT, *smtp.ehlo(), wanted=250)


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """With PLAIN in UTF-8 (RFC 4616) where the server offers it; smtplib's own login supports only ASCII."""
    if "PLAIN" not in smtp.esmtp_features.get("auth", "").upper().split():
        smtp.login(user, password)
        return
    secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    require_code(Stage.LOGIN, *smtp.docmd("AUTH", f"PLAIN {secret}"), wanted=235)


def _close(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()
