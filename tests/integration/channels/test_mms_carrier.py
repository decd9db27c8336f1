"""Submitting picture messages through the official client, and finding them in the carrier's list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from channels.twilio.carrier import TwilioCarrier
from channels.twilio.errors import RETRYABLE_RECEIPT_CODES, SUBMISSION_CODES
from messaging.submissions import Envelope, InDoubtDelivery, ResultKind, Sender, SubmissionResult
from settings import load_settings
from tests.harness.submission_results import all_results
from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

FLYER, MAP = "https://www.example.org/flyer.jpg", "https://www.example.org/map.png"


@pytest.fixture
def carrier(sandbox: Sandbox) -> Iterator[TwilioCarrier]:
    settings = load_settings(
        database_url="postgresql://unused",
        enable_queues=False,
        twilio_api_base_url=sandbox.base_url,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        public_url="http://127.0.0.1:9",
        carrier_timeout_seconds=30.0,
    )
    carrier = TwilioCarrier(settings, channel="mms")
    yield carrier
    carrier.close()


def envelope(*urls: str, content: str = "", to: str = "+12025550123") -> Envelope:
    return Envelope(
        church_id=uuid4(),
        delivery_id=uuid4(),
        attempt=2,
        address=to,
        content=content,
        sender=Sender(address="+15005550006", messaging_service_sid=None),
        details={"mediaUrls": list(urls)},
    )


def send(carrier: TwilioCarrier, *envelopes: Envelope) -> list[SubmissionResult]:
    return all_results(carrier, envelopes)


@pytest.mark.parametrize(("content", "body"), [("", ""), (" \n", ""), ("Come & see", "Come & see")])
def test_pictures_are_sent_with_or_without_text(
    carrier: TwilioCarrier, sandbox: Sandbox, content: str, body: str
) -> None:
    sent = envelope(FLYER, MAP, content=content)

    (result,) = send(carrier, sent)

    (row,) = sandbox.ledger()
    assert (result.kind, result.carrier_id) == (ResultKind.ACCEPTED, row.sid)
    assert row.sid.startswith("MM")
    assert (row.body, row.num_media) == (body, 2)
    assert row.status_callback == f"http://127.0.0.1:9/callbacks/mms/{sent.delivery_id}/2"


def test_refused_media_are_a_permanent_error(carrier: TwilioCarrier) -> None:
    (broken,) = send(carrier, envelope("nowhere"))
    (too_many,) = send(carrier, envelope(*(f"{FLYER}?{n}" for n in range(11))))

    assert [(each.kind, each.error_code) for each in (broken, too_many)] == [
        (ResultKind.PERMANENT, "21620"),
        (ResultKind.PERMANENT, "21623"),
    ]


@pytest.mark.parametrize("code", [11200, 11751, 12300, 21620, 21623, 30011, 30019, 63019])
def test_media_errors_are_not_retried(code: int) -> None:
    assert SUBMISSION_CODES[code].kind is ResultKind.PERMANENT
    assert str(code) not in RETRYABLE_RECEIPT_CODES


def test_a_number_without_mms_pauses_the_sender() -> None:
    assert SUBMISSION_CODES[21621].kind is ResultKind.SENDER


def same_content(carrier: TwilioCarrier, in_doubt: Envelope) -> Sequence[bool]:
    """For each message in the carrier's list, whether it has the content of this delivery."""
    delivery = InDoubtDelivery(
        delivery_id=in_doubt.delivery_id,
        attempt=in_doubt.attempt,
        address=in_doubt.address,
        content=in_doubt.content,
        sender=in_doubt.sender,
        details=in_doubt.details,
        since=datetime.now(UTC) - timedelta(seconds=5),
    )
    [[lookup]] = list(carrier.look_up([delivery]))
    assert lookup.records is not None
    return [record.same_content for record in lookup.records]


def test_picture_messages_differ_by_text_and_number_of_pictures(carrier: TwilioCarrier) -> None:
    send(carrier, envelope(FLYER))

    assert same_content(carrier, envelope(FLYER)) == [True]
    assert same_content(carrier, envelope(FLYER, MAP)) == [False]
    assert same_content(carrier, envelope(FLYER, content="Come & see")) == [False]
    assert same_content(carrier, replace(envelope(), details={})) == [False]
    assert same_content(carrier, envelope(MAP)) == [True], "the list does not contain the pictures' URLs"


def test_a_text_differs_from_a_picture_message_with_the_same_text(carrier: TwilioCarrier) -> None:
    send(carrier, replace(envelope(content="Come & see"), details={}))

    assert same_content(carrier, envelope(FLYER, content="Come & see")) == [False]
    assert same_content(carrier, replace(envelope(content="Come & see"), details={})) == [True]
