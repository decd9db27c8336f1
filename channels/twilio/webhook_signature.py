"""Twilio's signature on its webhooks: https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import cast

from twilio.request_validator import RequestValidator

from channels.incoming import ForgedRequest, IncomingRequest, NeedsThread

HEADER = "X-Twilio-Signature"


def verify(request: IncomingRequest, form: Mapping[str, str]) -> None:
    """Check that Twilio signed the request's URL and form. Raises ForgedRequest, and NeedsThread.

    The URL that we passed to Twilio is tried first, and nearly always matches. Twilio may also sign it with or without
    its port; Twilio's own validator tries every variant, which is expensive.
    """
    signature = request.header(HEADER)
    token = request.settings.twilio_auth_token.get_secret_value()
    if signature and hmac.compare_digest(_signature(token, request.url, form), signature.encode()):
        return
    if request.is_on_event_loop:
        raise NeedsThread
    if not signature or not cast("bool", RequestValidator(token).validate(request.url, dict(form), signature)):
        raise ForgedRequest("The signature is not valid.")


def _signature(token: str, url: str, form: Mapping[str, str]) -> bytes:
    """HMAC-SHA1 over the URL and the sorted fields, in base64."""
    signed = url + "".join([name + form[name] for name in sorted(form)])
    # Not hmac.digest(): it lets other threads run meanwhile, and the event loop would have to wait for its next turn.
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), "sha1").digest())
