"""Twilio's status callbacks are read when their signature is valid, and refused otherwise."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from channels.incoming import CarrierReceipt, ForgedRequest, IncomingRequest, MalformedRequest
from channels.twilio.receipts import read_receipt
from messaging.states import Status
from settings import Settings, load_settings
from tests.harness.incoming_requests import incoming_request

TOKEN = "a" * 32
URL = "https://texts.example.org/callbacks/sms/x/1"


@pytest.fixture
def settings() -> Settings:
    return load_settings(
        database_url="postgresql://unused",
        enable_queues=False,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=TOKEN,
        public_url="https://texts.example.org",
    )


def callback(
    settings: Settings,
    form: dict[str, str],
    *,
    url: str = URL,
    token: str = TOKEN,
    signed_form: dict[str, str] | None = None,
) -> IncomingRequest:
    """A callback with `form` at `url`; signed with `token` for URL and `signed_form`."""
    signature = RequestValidator(token).compute_signature(URL, signed_form or form)
    return incoming_request(settings, url=url, body=urlencode(form).encode(), headers={"X-Twilio-Signature": signature})


@pytest.mark.parametrize(
    ("twilio_status", "status"),
    [
        ("queued", None),
        ("sending", None),
        ("a future status", None),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.UNDELIVERED),
        ("failed", Status.FAILED),
    ],
)
def test_twilio_statuses_are_mapped_to_ours(settings: Settings, twilio_status: str, status: Status | None) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": twilio_status, "ErrorCode": "30005", "AParameterOfTheFuture": "x"}

    receipt = read_receipt(callback(settings, form))

    expected = None if status is None else CarrierReceipt(carrier_id="SM1", status=status, error_code="30005")
    assert receipt == expected


FORM = {"MessageSid": "SM1", "MessageStatus": "delivered"}


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": "x"}, {"X-Twilio-Signature": "\xff"}])
def test_a_callback_without_a_valid_signature_is_refused_as_forged(settings: Settings, headers: dict[str, str]) -> None:
    request = incoming_request(settings, url=URL, body=urlencode(FORM).encode(), headers=headers)

    with pytest.raises(ForgedRequest):
        read_receipt(request)


@pytest.mark.parametrize(
    "changes",
    [{"token": "b" * 32}, {"url": URL + "0"}, {"signed_form": {**FORM, "MessageStatus": "failed"}}],
    ids=["other token", "other delivery", "other status"],
)
def test_a_signature_of_another_url_form_or_token_is_refused_as_forged(
    settings: Settings, changes: dict[str, Any]
) -> None:
    with pytest.raises(ForgedRequest):
        read_receipt(callback(settings, FORM, **changes))


def test_a_signature_of_the_url_with_its_port_is_valid(settings: Settings) -> None:
    with_port = URL.replace("example.org", "example.org:443")
    signature = RequestValidator(TOKEN).compute_signature(with_port, FORM)
    headers = {"X-Twilio-Signature": signature}

    assert read_receipt(incoming_request(settings, url=URL, body=urlencode(FORM).encode(), headers=headers))


@pytest.mark.parametrize("form", [{"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {**FORM, "MessageSid": ""}])
def test_a_signed_callback_without_its_fields_is_malformed(settings: Settings, form: dict[str, str]) -> None:
    with pytest.raises(MalformedRequest, match=r"Message(Sid|Status)"):
        read_receipt(callback(settings, form))
