"""Texts through the official client, to a real HTTP carrier that may misbehave."""

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
                "carrier_timeout_seconds": 0.5,
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
        delivery_id=uuid4(),
        attempt=3,
        address=to,
        content="Grüße — ½ price pie 🥧",
        sender=Sender(address=sender, messaging_service_sid=service),
    )


def send(carrier: TwilioCarrier, *envelopes: Envelope) -> list[SubmissionResult]:
    return all_results(carrier, envelopes)


def test_what_is_accepted_is_what_was_written(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sent = envelope()

    (outcome,) = send(open_carrier(), sent)

    (row,) = sandbox.ledger()
    assert (outcome.kind, outcome.carrier_id) == (ResultKind.ACCEPTED, row.sid)
    assert (outcome.delivery_id, outcome.attempt) == (sent.delivery_id, 3)
    assert (row.to, row.sender, row.body) == (sent.address, "+15005550006", sent.content)
    assert row.status_callback == f"http://127.0.0.1:9/callbacks/sms/{sent.delivery_id}/3"


def test_a_messaging_service_goes_before_a_number(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (outcome,) = send(open_carrier(), envelope(sender="+15005550007", service="MG" + "0" * 32))

    assert outcome.kind is ResultKind.ACCEPTED


def test_a_batch_gets_one_outcome_for_each_envelope(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    batch = [envelope(f"+1202555{number:04d}") for number in range(700)]

    outcomes = send(open_carrier(carrier_connections=50), *batch)

    assert {outcome.delivery_id for outcome in outcomes} == {sent.delivery_id for sent in batch}
    assert len(outcomes) == len(sandbox.ledger()) == 700


def test_waiting_for_a_connection_is_not_counted_as_the_carriers_time(
    open_carrier: OpenCarrier, sandbox: Sandbox
) -> None:
    sandbox.set_faults(Faults(latency_ms=100))
    carrier = open_carrier(carrier_connections=2, carrier_timeout_seconds=0.4)

    outcomes = send(carrier, *(envelope(f"+1202555{number:04d}") for number in range(12)))

    assert {outcome.kind for outcome in outcomes} == {ResultKind.ACCEPTED}


@pytest.mark.parametrize(
    ("to", "sender", "kind", "code", "opted_out"),
    [
        ("+15005550001", "+15005550006", ResultKind.PERMANENT, "21211", False),
        ("+15005550009", "+15005550006", ResultKind.PERMANENT, "21614", False),
        ("+15005550004", "+15005550006", ResultKind.PERMANENT, "21610", True),
        # One recipient abroad must not stop everyone else.
        ("+15005550003", "+15005550006", ResultKind.PERMANENT, "21408", False),
        ("+12025550123", "+15005550001", ResultKind.SENDER, "21212", False),
        ("+12025550123", "+15005550007", ResultKind.SENDER, "21606", False),
        ("+12025550123", "+15005550008", ResultKind.THROTTLED, "21611", False),
    ],
)
def test_refusals_are_told_apart(
    open_carrier: OpenCarrier, sandbox: Sandbox, to: str, sender: str, kind: ResultKind, code: str, opted_out: bool
) -> None:
    (outcome,) = send(open_carrier(), envelope(to, sender=sender))

    assert (outcome.kind, outcome.error_code, outcome.opted_out) == (kind, code, opted_out)
    assert outcome.reason
    assert to not in outcome.reason
    assert sandbox.ledger() == []


@pytest.mark.parametrize(
    ("faults", "kind", "accepted"),
    [
        (Faults(timeout=1.0), ResultKind.AMBIGUOUS, 0),
        (Faults(refuse=1.0), ResultKind.AMBIGUOUS, 0),
        (Faults(accept_then_drop=1.0), ResultKind.AMBIGUOUS, 1),
        (Faults(server_error=1.0), ResultKind.AMBIGUOUS, 0),
        (Faults(server_error_after_creation=1.0), ResultKind.AMBIGUOUS, 1),
        (Faults(too_many_requests=1.0), ResultKind.THROTTLED, 0),
    ],
)
def test_what_may_have_been_taken_is_ambiguous(
    open_carrier: OpenCarrier, sandbox: Sandbox, faults: Faults, kind: ResultKind, accepted: int
) -> None:
    sandbox.set_faults(faults)

    (outcome,) = send(open_carrier(), envelope())

    assert outcome.kind is kind
    assert len(sandbox.ledger()) == accepted


def test_the_carrier_says_when_to_come_back(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    sandbox.set_faults(Faults(too_many_requests=Next(count=1), retry_after_seconds=7))

    first, second = send(open_carrier(carrier_connections=1), envelope(), envelope("+12025550124"))

    assert {first.retry_after_seconds, second.retry_after_seconds} == {7.0, None}


def test_a_carrier_that_cannot_be_reached_has_nothing(open_carrier: OpenCarrier, free_port: int) -> None:
    carrier = open_carrier(twilio_api_base_url=f"http://127.0.0.1:{free_port}")

    (outcome,) = send(carrier, envelope())

    assert outcome.kind is ResultKind.THROTTLED


def test_wrong_credentials_are_the_senders_matter(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    (outcome,) = send(open_carrier(twilio_auth_token="wrong"), envelope())

    assert (outcome.kind, outcome.error_code) == (ResultKind.SENDER, "20003")


def test_what_may_no_longer_be_submitted_is_handed_back(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    asked = iter([True, False, False])
    batch = [envelope(f"+1202555{number:04d}") for number in range(3)]

    outcomes = all_results(open_carrier(), batch, may_submit=lambda: next(asked))

    assert sorted(outcome.kind for outcome in outcomes) == ["accepted", "unsubmitted", "unsubmitted"]
    assert len(sandbox.ledger()) == 1


def suspect(of: Envelope, *, since: datetime | None = None, content: str | None = None) -> InDoubtDelivery:
    return InDoubtDelivery(
        delivery_id=of.delivery_id,
        attempt=of.attempt,
        address=of.address,
        content=of.content if content is None else content,
        sender=of.sender,
        since=since or datetime.now(UTC) - timedelta(seconds=5),
    )


def look_up(carrier: TwilioCarrier, *suspects: InDoubtDelivery) -> list[LookupResult]:
    return [sighting for sightings in carrier.look_up(suspects) for sighting in sightings]


def test_what_the_carrier_took_without_answering_is_in_its_list(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    sandbox.set_faults(Faults(accept_then_drop=1.0))
    send(carrier, lost)
    sandbox.clear_faults()

    (sighting,) = look_up(carrier, suspect(lost))

    (row,) = sandbox.ledger()
    assert sighting.records == (CarrierRecord(carrier_id=row.sid, same_content=True),)


def test_what_it_never_took_is_not(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, envelope("+12025550124"))

    (sighting,) = look_up(carrier, suspect(lost))

    assert sighting.records == ()


@pytest.mark.parametrize("service", [None, "MG" + "0" * 32])
def test_other_senders_other_times_and_other_words_are_told_apart(
    open_carrier: OpenCarrier, sandbox: Sandbox, service: str | None
) -> None:
    carrier = open_carrier()
    ours = envelope(service=service)
    send(carrier, ours)

    (later,) = look_up(carrier, suspect(ours, since=datetime.now(UTC) + timedelta(minutes=15)))
    (other_words,) = look_up(carrier, suspect(ours, content="something else"))
    (found,) = look_up(carrier, suspect(ours))

    assert later.records == ()
    assert [record.same_content for record in other_words.records or ()] == [False]
    assert [record.same_content for record in found.records or ()] == [True]


@pytest.mark.parametrize("faults", [Faults(unreadable=1.0), Faults(latency_ms=2000)])
def test_a_list_that_cannot_be_read_proves_nothing(open_carrier: OpenCarrier, sandbox: Sandbox, faults: Faults) -> None:
    sandbox.set_faults(faults)

    (sighting,) = look_up(open_carrier(), suspect(envelope()))

    assert sighting.records is None


def test_a_list_that_is_full_hides_what_may_be_behind(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, *(envelope() for _ in range(LIST_LIMIT)))

    (sighting,) = look_up(carrier, suspect(lost, content="something else"))

    assert not sighting.complete


def test_a_list_that_reaches_back_far_enough_hides_nothing(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
    carrier, lost = open_carrier(), envelope()
    send(carrier, *(envelope() for _ in range(LIST_LIMIT)))

    (sighting,) = look_up(carrier, suspect(lost, since=datetime.now(UTC) + timedelta(minutes=15)))

    assert sighting.complete


def test_the_same_words_from_another_sender_are_neither_taken_nor_passed_over(
    open_carrier: OpenCarrier, sandbox: Sandbox
) -> None:
    carrier = open_carrier()
    before, now = envelope(sender="+12025550198"), envelope(sender="+12025550199")
    send(carrier, before)

    (sighting,) = look_up(carrier, suspect(now))

    assert [record.same_content for record in sighting.records or ()] == [False]


def test_the_carrier_can_be_asked_what_became_of_a_text(open_carrier: OpenCarrier, sandbox: Sandbox) -> None:
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
