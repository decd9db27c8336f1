"""Twilio's callbacks: signed, or refused."""

from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator

from channels.base import Callback, CarrierReceipt, ForgedCallback, MalformedCallback
from channels.twilio.receipts import read_callback
from messaging.states import Status
from settings import Settings, load_settings

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


def callback(form: dict[str, str], *, url: str = URL, token: str = TOKEN) -> Callback:
    signature = RequestValidator(token).compute_signature(URL, form)
    return Callback(url=url, form=form, header={"X-Twilio-Signature": signature}.get)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", None),
        ("sending", None),
        ("a word of the future", None),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("undelivered", Status.UNDELIVERED),
        ("failed", Status.FAILED),
    ],
)
def test_twilios_words(settings: Settings, word: str, status: Status | None) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": word, "ErrorCode": "30005", "AParameterOfTheFuture": "x"}

    receipt = read_callback(callback(form), settings)

    expected = None if status is None else CarrierReceipt(carrier_id="SM1", status=status, error_code="30005")
    assert receipt == expected


FORM = {"MessageSid": "SM1", "MessageStatus": "delivered"}


@pytest.mark.parametrize(
    "forged",
    [
        Callback(url=URL, form=FORM, header=dict[str, str]().get),
        Callback(url=URL, form=FORM, header={"X-Twilio-Signature": "x"}.get),
        callback(FORM, token="b" * 32),
        callback(FORM, url=URL + "0"),
        Callback(url=URL, form={**FORM, "MessageStatus": "failed"}, header=callback(FORM).header),
    ],
    ids=["unsigned", "nonsense", "other token", "other delivery", "other word"],
)
def test_forged_ones_are_refused(settings: Settings, forged: Callback) -> None:
    with pytest.raises(ForgedCallback):
        read_callback(forged, settings)


@pytest.mark.parametrize("form", [{"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {**FORM, "MessageSid": ""}])
def test_signed_but_of_no_use(settings: Settings, form: dict[str, str]) -> None:
    with pytest.raises(MalformedCallback, match=r"Message(Sid|Status)"):
        read_callback(callback(form), settings)
