"""Messages that people write, as Twilio delivers them: signed forms at the public URL."""

from __future__ import annotations

from uuid import uuid4

from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

PATH = "/inbound/sms"


def inbound_form(text: str, *, sender: str, to: str, **more: str) -> dict[str, str]:
    """The form of one new message. `more` adds fields, or replaces some."""
    return {
        "AccountSid": "AC" + "0" * 32,
        "ApiVersion": "2010-04-01",
        "Body": text,
        "From": sender,
        "FromCity": "SEATTLE",
        "MessageSid": f"SM{uuid4().hex}",
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "To": to,
        **more,
    }


def deliver(client: FlaskClient, form: dict[str, str], *, public_url: str, token: str) -> TestResponse:
    """Post the form as Twilio does."""
    signature = RequestValidator(token).compute_signature(public_url + PATH, form)
    return client.post(PATH, data=form, headers={"X-Twilio-Signature": signature})
