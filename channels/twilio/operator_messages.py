"""Texts to the operator, and the check whether Twilio answers. Each uses one connection of its own and no queue."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

from channels.bounded_http import HttpFailure, exchange
from settings import Settings


def send_operator_text(settings: Settings, text: str, *, seconds: float) -> str | None:
    """Send the text from `alert_text_from` to `alert_text_to`, without callbacks. Returns why it failed, or None."""
    form = {"To": settings.alert_text_to or "", "From": settings.alert_text_from or "", "Body": text}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": _authorization(settings)}
    try:
        reply = exchange(
            "POST",
            _account_url(settings) + "/Messages.json",
            headers=headers,
            body=urlencode(form).encode(),
            seconds=seconds,
        )
    except HttpFailure as error:
        return f"no answer ({error})"
    if reply.status < 300:
        return None
    return f"HTTP {reply.status}, code {_code(reply.body)}"


def unreachable_reason(settings: Settings, *, seconds: float) -> str | None:
    """Why Twilio's API gives no answer, or None if it gives any below 500. `check-carrier` judges the content."""
    try:
        reply = exchange(
            "GET",
            _account_url(settings) + ".json",
            headers={"Authorization": _authorization(settings)},
            seconds=seconds,
        )
    except HttpFailure as error:
        return f"no answer ({error})"
    return f"HTTP {reply.status}" if reply.status >= 500 else None


def _account_url(settings: Settings) -> str:
    return f"{settings.twilio_api_base_url.rstrip('/')}/2010-04-01/Accounts/{settings.twilio_account_sid}"


def _authorization(settings: Settings) -> str:
    login = f"{settings.twilio_account_sid}:{settings.twilio_auth_token.get_secret_value()}"
    return "Basic " + base64.b64encode(login.encode()).decode()


def _code(body: bytes) -> str:
    """Twilio's error code. Its message is left out, because it may contain numbers."""
    try:
        return str(int(json.loads(body)["code"]))
    except (ValueError, TypeError, KeyError):
        return "unknown"
