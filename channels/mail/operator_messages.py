"""Mails to the operator, and the check whether the mail server answers. Each uses a session of its own and no queue."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import localtime, make_msgid

from channels.mail.composing import service_host
from channels.mail.headers import POLICY
from channels.mail.mail_server import MailServer
from channels.mail.smtp_session import Mail, SmtpFailure, SmtpRefusal
from settings import Settings


def send_operator_mail(settings: Settings, *, subject: str, text: str, seconds: float) -> str | None:
    """Send the mail from `alert_mail_from` to each of `alert_mail_to`. Returns why one of them failed, or None."""
    sender, host = settings.alert_mail_from or "", service_host(settings)
    message = EmailMessage(policy=POLICY)
    message["From"], message["To"] = sender, settings.alert_mail_to
    message["Subject"], message["Date"], message["Message-ID"] = subject, localtime(), make_msgid(domain=host)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        session = MailServer.from_url(settings.smtp_url or "").open(service_host=host, timeout_seconds=seconds)
        for recipient in (settings.alert_mail_to or "").split(","):
            session.submit(Mail(sender=sender, recipient=recipient, raw=message.as_bytes()))
        session.quit()
    except (SmtpRefusal, SmtpFailure) as error:
        return str(error)
    return None


def unreachable_reason(settings: Settings, *, seconds: float) -> str | None:
    """Why the mail server does not open a session, or None if it does, or refuses it: that is for `check-carrier`."""
    server = MailServer.from_url(settings.smtp_url or "")
    try:
        server.open(service_host=service_host(settings), timeout_seconds=seconds).quit()
    except SmtpRefusal:
        return None
    except SmtpFailure as failure:
        return f"no answer ({failure.cause_name})"
    return None
