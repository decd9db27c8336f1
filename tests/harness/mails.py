"""Settings, envelopes and bounces for tests of mail."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from messaging.submissions import Envelope, Sender
from settings import Settings, load_settings

SECRET = "a secret that is long enough for anyone"


def mail_settings(smtp_url: str | None = "smtp://127.0.0.1:9?starttls=never", **overrides: Any) -> Settings:
    """Return settings with which only mail can be sent."""
    return load_settings(
        **{
            "database_url": "postgresql://unused",
            "enable_queues": False,
            "twilio_account_sid": "AC" + "0" * 32,
            "twilio_auth_token": "unused",
            "public_url": "https://texts.example.org",
            "smtp_url": smtp_url,
            "secret_key": SECRET,
            "smtp_timeout_seconds": 1.0,
            "smtp_connections": 4,
            **overrides,
        }
    )


def envelope(
    to: str = "ruth@example.org",
    *,
    content: str = "See you on Sunday.",
    subject: str = "This Sunday",
    sender: str = "office@grace.example.org",
    attempt: int = 1,
    tries: int = 0,
    **sender_details: str,
) -> Envelope:
    return Envelope(
        church_id=uuid4(),
        delivery_id=uuid4(),
        attempt=attempt,
        address=to,
        content=content,
        details={"subject": subject},
        sender=Sender(
            address=sender, messaging_service_sid=None, details={"name": "Grace Community", **sender_details}
        ),
        tries=tries,
    )


def delivery_report(
    to: str, *, action: str = "failed", status: str = "5.1.1", recipient: str = "r@example.org"
) -> bytes:
    """Return a bounce like the first example of RFC 3464."""
    return f"""\
From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>
To: <{to}>
Subject: Returned mail: see transcript for details
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="RAA14128"

--RAA14128

The original message could not be delivered.

--RAA14128
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
Original-Envelope-Id: {UUID(int=7)}

Final-Recipient: RFC822; {recipient}
Action: {action}
Status: {status} (a comment)
Diagnostic-Code: smtp; {status} whatever

--RAA14128
Content-Type: message/rfc822

Subject: This Sunday

--RAA14128--
""".replace("\n", "\r\n").encode()
