"""The step of `flask check-carrier` that concerns the mail server: EHLO, STARTTLS and AUTH."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from channels.check_steps import CheckFailed, CheckSkipped, SenderToCheck, Step
from channels.mail.mail_server import MailServer
from channels.mail.smtp_session import SmtpFailure, SmtpRefusal
from settings import Settings

TIMEOUT_SECONDS = 10.0


def carrier_checks(settings: Settings, senders: Sequence[SenderToCheck] | None) -> Sequence[Step]:  # noqa: ARG001
    """Return the step. A mail server knows no senders."""
    return [
        Step(
            name="Mail server",
            check=lambda: _check_mail_server(settings),
            remedy="check SMTP_URL: host, port, user, password and encryption (docs/mail.md)",
        )
    ]


def _check_mail_server(settings: Settings) -> str:
    """Log in as a worker does, and send no mail."""
    if not settings.mail_enabled:
        raise CheckSkipped("mail is switched off (MAIL_ENABLED=false)")
    if settings.smtp_url is None:
        raise CheckSkipped("SMTP_URL is not set, so mail is refused")
    server = MailServer.from_url(settings.smtp_url)
    name = f"{server.host}:{server.port}"
    host = urlsplit(settings.public_url).hostname or "localhost"
    try:
        server.open(service_host=host, timeout_seconds=TIMEOUT_SECONDS).quit()
    except SmtpRefusal as refusal:
        raise CheckFailed(f"{name} refused at {refusal}") from refusal
    except SmtpFailure as failure:
        why = "its certificate cannot be verified" if failure.untrusted_certificate else str(failure)
        raise CheckFailed(f"{name} cannot be used: {why}") from failure
    login = "without a login" if server.user is None else "and logged in"
    return f"connected to {name} (encryption: {server.encryption}), {login}"
