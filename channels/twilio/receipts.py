"""Twilio's status callbacks: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import cast

from twilio.request_validator import RequestValidator

from channels.base import Callback, CarrierReceipt, ForgedCallback, MalformedCallback
from messaging.states import Status
from settings import Settings

STATUSES: Mapping[str, Status | None] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
"""Twilio's word for ours; None tells nothing that its acceptance had not told."""


def read_callback(callback: Callback, settings: Settings) -> CarrierReceipt | None:
    """The receipt in a callback. Raises ForgedCallback, MalformedCallback.

    The signature: https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    signature = callback.header("X-Twilio-Signature")
    validator = RequestValidator(settings.twilio_auth_token.get_secret_value())
    if not signature or not _is_signed(validator, callback, signature):
        raise ForgedCallback
    try:
        carrier_id, word = callback.form["MessageSid"], callback.form["MessageStatus"]
    except KeyError as error:
        raise MalformedCallback(f"{error.args[0]} is missing") from error
    error_code = callback.form.get("ErrorCode") or None
    if not carrier_id:
        raise MalformedCallback("MessageSid is empty")
    if not (carrier_id + (error_code or "")).isprintable():
        raise MalformedCallback("MessageSid or ErrorCode holds control characters")
    status = STATUSES.get(word)
    if status is None:
        return None
    return CarrierReceipt(carrier_id=carrier_id, status=status, error_code=error_code)


def _is_signed(validator: RequestValidator, callback: Callback, signature: str) -> bool:
    """Mostly for the address as we gave it. Twilio may sign it with or without its port as well: to try all is dear."""
    expected: str = validator.compute_signature(callback.url, callback.form)
    if hmac.compare_digest(expected.encode(), signature.encode()):
        return True
    return cast("bool", validator.validate(callback.url, dict(callback.form), signature))
