"""Submitting texts through the official client, to a real HTTP carrier that can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from channels.twilio.carrier import TwilioCarrier
from channels.twilio.sent_messages import LIST_LIMIT
from messaging.states import Status
from messaging.submissions import (
    CarrierRecord,
    Envelope,
    InDoubtDelivery,
    LookupResult,
    ResultKind,
    Sender,
    SubmissionResult,
)
from settings import load_settings
from tests.harness.submission_results import all_results
from tools.sandbox.control import Faults, Next, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

OpenCarrier = Callable[..., TwilioCarrier]


@pytest.fixture
def open_carrier(sandbox: Sandbox) -> Iterator[OpenCarrier]:
    opened: list[TwilioCarrier] = []

    def open_it(**overrides: object) -> TwilioCarrier:
        settings = load_settings(
            **{
                "database_url": "postgresql://unused",
                "enable_queues": False,
                "twilio_api_base_url": sandbox.base_url,
                "twilio_account_sid": ACCOUNT_SID,
                "twilio_auth_token": AUTH_TOKEN,
                "public_url": "http://127.0.0.1:9/",
                "carrier_timeout_seconds": 30.0,
                **overrides,
            }
        )
        opened.append(TwilioCarrier(settings, channel="sms"))
        return opened[-1]

    yield open_it
    for carrier in opened:
        carrier.close()


def envelope(to: str = "+12025550123", *, sender: str | None = "+15005550006", service: str | None = None) -> Envelope:
    return Envelope(
        church_id=uuid4(),
        delivery_id=uuid4(),
        attempt=3,
        address=to,
        content="Grüße — ½ price pie 🥧",
        sender=Sender(address=sender, messaging_service_sid=service),
    )


def send(carrier: TwilioCarrier, *envelopes: Envelope) -> list[SubmissionResult]:
    return all_results(carrier, envelopes)


def test_the_accepted_message_is_the_submitted_one(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sent = envelope()

    (result,) = send(open_carrier(), sent)

    (row,) = sandbox.ledger()
    assert (result.kind, result.carrier_id) == (ResultKind.ACCEPTED, row.sid)
    assert (result.delivery_id, result.attempt) == (sent.delivery_id, 3)
    assert (row.to, row.sender, row.body) == (sent.address, "+15005550006", sent.content)
    assert row.status_callback == f"http://127.0.0.1:9/callbacks/sms/{sent.delivery_id}/3"


def test_a_messaging_service_is_preferred_to_a_number(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (result,) = send(open_carrier(), envelope(sender="+15005550007", service="MG" + "0" * 32))

    assert result.kind is ResultKind.ACCEPTED


def test_a_batch_gets_one_result_for_each_envelope(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    batch = [envelope(f"+1202555{number:04d}") for number in range(700)]

    results = send(open_carrier(carrier_connections=50), *batch)

    assert {result.delivery_id for result in results} == {sent.delivery_id for sent in batch}
    assert len(results) == len(sandbox.ledger()) == 700


def test_the_response_timeout_excludes_the_wait_for_a_connection(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(latency_ms=100))
    carrier = open_carrier(carrier_connections=2, carrier_timeout_seconds=0.8)

    results = send(carrier, *(envelope(f"+1202555{number:04d}") for number in range(18)))

    assert {result.kind for result in results} == {ResultKind.ACCEPTED}


@pytest.mark.parametrize(
    ("to", "sender", "kind", "code", "opted_out"),
    [
        ("+15005550001", "+15005550006", ResultKind.PERMANENT, "21211", False),
        ("+15005550009", "+15005550006", ResultKind.PERMANENT, "21614", False),
        ("+15005550004", "+15005550006", ResultKind.PERMANENT, "21610", True),
        # A recipient in a region that is not permitted does not pause the sender.
        ("+15005550003", "+15005550006", ResultKind.PERMANENT, "21408", False),
        ("+12025550123", "+15005550001", ResultKind.SENDER, "21212", False),
        ("+12025550123", "+15005550007", ResultKind.SENDER, "21606", False),
        ("+12025550123", "+15005550008", ResultKind.THROTTLED, "21611", False),
    ],
)
def test_refusals_are_classified(
    open_carrier: OpenCarrier, sandbox: Sandbox, to: str, sender: str, kind: ResultKind, code: str, opted_out: bool
) -> None:
    (result,) = send(open_carrier(), envelope(to, sender=sender))

    assert (result.kind, result.error_code, result.opted_out) == (kind, code, opted_out)
    assert result.reason
    assert to not in result.reason
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    ("faults", "kind", "accepted"),
    [
        (Faults(refuse=1.0), ResultKind.AMBIGUOUS, 0),
        (Faults(accept_then_drop=1.0), ResultKind.AMBIGUOUS, 1),
        (Faults(server_error=1.0), ResultKind.AMBIGUOUS, 0),
        (Faults(server_error_after_creation=1.0), ResultKind.AMBIGUOUS, 1),
        (Faults(too_many_requests=1.0), ResultKind.THROTTLED, 0),
    ],
)
def test_a_request_that_may_have_been_accepted_is_ambiguous(
    open_carrier: OpenCarrier, sandbox: Sandbox, faults: Faults, kind: ResultKind, accepted: int
) -> None:
    sandbox.set_faults(faults)

    (result,) = send(open_carrier(), envelope())

    assert result.kind is kind
    assert len(sandbox.ledger()) == accepted


def test_a_request_without_a_response_in_time_is_ambiguous(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(timeout=1.0))

    (result,) = send(open_carrier(carrier_timeout_seconds=0.2), envelope())

    assert result.kind is ResultKind.AMBIGUOUS
    assert sandbox.ledger() == []


def test_retry_after_is_read(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(too_many_requests=Next(count=1), retry_after_seconds=7))

    first, second = send(open_carrier(carrier_connections=1), envelope(), envelope("+12025550124"))

    assert {first.retry_after_seconds, second.retry_after_seconds} == {7.0, None}


def test_an_unreachable_carrier_throttles_the_sender(open_carrier: OpenCarrier, free_port: int) -> None:
    carrier = open_carrier(twilio_api_base_url=f"http://127.0.0.1:{free_port}")

    (result,) = send(carrier, envelope())

    assert result.kind is ResultKind.THROTTLED


def test_wrong_credentials_pause_the_sender(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (result,) = send(open_carrier(twilio_auth_token="wrong"), envelope())

    assert (result.kind, result.error_code) == (ResultKind.SENDER, "20003")


def test_without_may_submit_a_text_is_unsubmitted(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    allowed = iter([True, False, False])
    batch = [envelope(f"+1202555{number:04d}") for number in range(3)]

    results = all_results(open_carrier(), batch, may_submit=lambda: next(allowed))

    assert sorted(result.kind for result in results) == ["accepted", "unsubmitted", "unsubmitted"]
    assert len(sandbox.ledger()) == 1


def in_doubt(of: Envelope, *, since: datetime | None = None, content: str | None = None) -> InDoubtDelivery:
    return InDoubtDelivery(
        delivery_id=of.delivery_id,
        attempt=of.attempt,
        address=of.address,
        content=of.content if content is None else content,
        sender=of.sender,
        since=since or datetime.now(UTC) - timedelta(seconds=5),
    )


def look_up(carrier: TwilioCarrier, *in_doubt: InDoubtDelivery) -> list[LookupResult]:
    return [lookup for lookups in carrier.look_up(in_doubt) for lookup in lookups]


def test_a_message_accepted_without_a_response_is_found(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    sandbox.set_faults(Faults(accept_then_drop=1.0))
    send(carrier, lost)
    sandbox.clear_faults()

    (lookup,) = look_up(carrier, in_doubt(lost))

    (row,) = sandbox.ledger()
    assert lookup.records == (CarrierRecord(carrier_id=row.sid, same_content=True),)


def test_a_message_that_was_not_accepted_is_not_found(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, envelope("+12025550124"))

    (lookup,) = look_up(carrier, in_doubt(lost))

    assert lookup.records == ()


@pytest.mark.parametrize("service", [None, "MG" + "0" * 32])
def test_a_message_from_another_time_or_with_another_text_is_no_match(
    open_carrier: OpenCarrier, service: str | None
) -> None:
    carrier = open_carrier()
    ours = envelope(service=service)
    send(carrier, ours)

    (later,) = look_up(carrier, in_doubt(ours, since=datetime.now(UTC) + timedelta(minutes=15)))
    (other_text,) = look_up(carrier, in_doubt(ours, content="something else"))
    (found,) = look_up(carrier, in_doubt(ours))

    assert later.records == ()
    assert [record.same_content for record in other_text.records or ()] == [False]
    assert [record.same_content for record in found.records or ()] == [True]


def test_an_unreadable_list_has_no_records(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(unreadable=1.0))

    (lookup,) = look_up(open_carrier(), in_doubt(envelope()))

    assert lookup.records is None


def test_a_list_that_is_not_returned_in_time_has_no_records(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(latency_ms=2000))

    (lookup,) = look_up(open_carrier(carrier_timeout_seconds=0.2), in_doubt(envelope()))

    assert lookup.records is None


def test_a_full_list_is_incomplete(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, *(envelope() for _ in range(LIST_LIMIT)))

    (lookup,) = look_up(carrier, in_doubt(lost, content="something else"))

    assert not lookup.complete


def test_a_list_that_reaches_back_far_enough_is_complete(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, *(envelope() for _ in range(LIST_LIMIT)))

    (lookup,) = look_up(carrier, in_doubt(lost, since=datetime.now(UTC) + timedelta(minutes=15)))

    assert lookup.complete


def test_the_same_text_from_another_sender_is_reported_as_different(
    open_carrier: OpenCarrier, sandbox: Sandbox
) -> None:
    carrier = open_carrier()
    before, now = envelope(sender="+12025550198"), envelope(sender="+12025550199")
    send(carrier, before)

    (lookup,) = look_up(carrier, in_doubt(now))

    assert [record.same_content for record in lookup.records or ()] == [False]


def test_statuses_are_fetched(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier = open_carrier()
    (delivered,) = send(carrier, envelope())
    (unreachable,) = send(carrier, envelope("+15005530003"))
    sandbox.wait_until_quiet()

    sids = [str(delivered.carrier_id), str(unreachable.carrier_id), "SM" + "0" * 32]
    receipts = [receipt for receipts in carrier.fetch_statuses(sids) for receipt in receipts]

    assert sorted((receipt.status, receipt.error_code) for receipt in receipts) == [
        (Status.DELIVERED, None),
        (Status.UNDELIVERED, "30003"),
    ]
