"""The ways by which operators are told: a webhook, mail and text. None uses the queues, and each only what it needs."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping

from channels.bounded_http import HttpFailure, exchange
from channels.operator_messages import send_operator_mail, send_operator_text
from jobs.monitoring.notice_text import NoticeText
from settings import Settings

SECONDS = 10.0
"""How long each step of telling may take."""
SIGNATURE_HEADER = "Koinonia-Signature"

Way = Callable[[NoticeText], str | None]
"""Tells a notice. Returns why it did not arrive, without any secret or address, or None when it did."""


def configured_ways(settings: Settings) -> Mapping[str, Way]:
    """Return the ways that the settings configure, by name."""
    ways: dict[str, Way] = {}
    if settings.alert_webhook_url is not None:
        ways["webhook"] = lambda notice: _post(settings, notice)
    if settings.alert_mail_to is not None:
        ways["mail"] = lambda notice: send_operator_mail(
            settings, subject=notice.title, text=notice.body + "\n", seconds=SECONDS
        )
    if settings.alert_text_to is not None:
        ways["text"] = lambda notice: send_operator_text(settings, notice.short, seconds=SECONDS)
    return ways


def signature(secret: str, *, timestamp: int, body: bytes) -> str:
    """Return the value of SIGNATURE_HEADER: the time, and the HMAC-SHA256 of `TIME.BODY` in hexadecimal."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _post(settings: Settings, notice: NoticeText) -> str | None:
    """Chats such as Slack show `text`; `alert` has the same for programs."""
    body = json.dumps({"text": notice.body, "alert": notice.fields}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "koinonia-sms"}
    if settings.alert_webhook_secret is not None:
        secret = settings.alert_webhook_secret.get_secret_value()
        headers[SIGNATURE_HEADER] = signature(secret, timestamp=int(time.time()), body=body)
    try:
        reply = exchange("POST", settings.alert_webhook_url or "", headers=headers, body=body, seconds=SECONDS)
    except HttpFailure as error:
        return f"no answer ({error})"
    return None if reply.status < 300 else f"HTTP {reply.status}"
