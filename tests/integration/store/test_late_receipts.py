"""A receipt that comes late, about an attempt that is over: what the recipient has is not sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from messaging.reconciliation import ReconciliationPolicy
from messaging.retry import RetryPolicy
from messaging.states import Status
from messaging.submissions import Envelope
from store import message_lifecycle, reconciliation
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers

FIRST = "SM-of-the-first-attempt"
SECOND = "SM-of-the-second-attempt"
RETRYABLE_CODES = {"30003": 300.0}


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def message(ledger: Ledger, church_id: UUID) -> Message:
    """One delivery, not claimed yet."""
    return ledger.send(church_id, numbers(1))


@pytest.fixture
def first(ledger: Ledger, church_id: UUID, message: Message) -> Envelope:
    """Its first attempt, claimed."""
    [envelope] = ledger.claim(church_id).envelopes
    return envelope


def accepted(ledger: Ledger, envelope: Envelope, carrier_id: str = FIRST) -> None:
    record(ledger, envelope, Status.SENT, carrier_id=carrier_id)


def record(
    ledger: Ledger,
    envelope: Envelope,
    status: Status,
    *,
    carrier_id: str | None = None,
    delay_seconds: float | None = None,
) -> int:
    return ledger.record(
        [
            DeliveryUpdate(
                delivery_id=envelope.delivery_id,
                attempt=envelope.attempt,
                status=status,
                carrier_id=carrier_id,
                delay_seconds=delay_seconds,
            )
        ]
    )


def hear(ledger: Ledger, envelope: Envelope, status: Status, carrier_id: str = FIRST, code: str | None = None) -> None:
    """Store a receipt of the envelope's attempt and apply all."""
    ledger.receive(envelope.delivery_id, status, attempt=envelope.attempt, carrier_id=carrier_id, error_code=code)
    ledger.apply(retryable_codes=RETRYABLE_CODES)


def claim_again(ledger: Ledger, church_id: UUID) -> list[Envelope]:
    ledger.query("UPDATE deliveries SET due_at = now() WHERE status = 'queued'")
    return ledger.claim(church_id).envelopes


def retry(ledger: Ledger, church_id: UUID, message: Message) -> None:
    with system_scope(ledger.database) as connection:
        message_lifecycle.retry_failed(
            connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
        )


# --- the ways back into the queue -------------------------------------------------------------------------------------

Way = Callable[[Ledger, UUID, Message, Envelope], None]


def fails_for_now(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    accepted(ledger, first)
    hear(ledger, first, Status.UNDELIVERED, code="30003")


def is_retried(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    accepted(ledger, first)
    hear(ledger, first, Status.UNDELIVERED, code="30006")
    retry(ledger, church_id, message)


def is_retried_after_a_refusal(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    record(ledger, first, Status.FAILED)
    retry(ledger, church_id, message)


def is_sent_again_by_a_person(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    record(ledger, first, Status.UNKNOWN)
    with system_scope(ledger.database) as connection:
        reconciliation.resolve(
            connection,
            church_id=church_id,
            message_id=message.message_id,
            delivery_id=first.delivery_id,
            status="queued",
        )
        message_lifecycle.reopen(connection, church_id=church_id, message_id=message.message_id)


def is_missed_at_the_carrier(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    record(ledger, first, Status.UNKNOWN)
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour', missed_reads = 9")
    with system_scope(ledger.database) as connection:
        reconciliation.record_missing(
            connection, [(first.delivery_id, first.attempt)], policy=ReconciliationPolicy(), pause_seconds=1.0
        )


def is_handed_back_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    fails_for_now(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    record(ledger, second, Status.QUEUED)


def is_refused_for_now_after_a_doubt(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    is_missed_at_the_carrier(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    record(ledger, second, Status.QUEUED, delay_seconds=60.0)


def is_paused_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    fails_for_now(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)


def is_resumed_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    is_paused_after_a_failure(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.resume(connection, church_id=church_id, message=message)


KNOWN_TO_HAVE_FAILED: list[Way] = [
    fails_for_now,
    is_retried,
    is_handed_back_after_a_failure,
    is_paused_after_a_failure,
    is_resumed_after_a_failure,
]
BELIEVED_LOST: list[Way] = [
    is_retried_after_a_refusal,
    is_sent_again_by_a_person,
    is_missed_at_the_carrier,
    is_refused_for_now_after_a_doubt,
]
back_in_the_queue = pytest.mark.parametrize("way", KNOWN_TO_HAVE_FAILED + BELIEVED_LOST, ids=lambda way: way.__name__)


@back_in_the_queue
def test_what_was_delivered_after_all_is_not_sent_again(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, way: Way
) -> None:
    way(ledger, church_id, message, first)
    assert ledger.counts(message) == {Status.QUEUED: 1}

    hear(ledger, first, Status.DELIVERED)

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {Status.DELIVERED: 1}
    stands = ledger.stands(first.delivery_id)
    assert (stands.carrier_id, stands.reason) == (FIRST, None)
    assert ledger.complete(church_id) == 1


@back_in_the_queue
def test_sent_is_proof_unless_that_text_is_known_to_have_failed(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, way: Way
) -> None:
    way(ledger, church_id, message, first)

    hear(ledger, first, Status.SENT)

    lives = way in BELIEVED_LOST
    assert ledger.counts(message) == {Status.SENT if lives else Status.QUEUED: 1}
    if not lives and way is not is_paused_after_a_failure:
        assert len(claim_again(ledger, church_id)) == 1


@back_in_the_queue
@pytest.mark.parametrize("said", [Status.UNDELIVERED, Status.FAILED])
def test_a_late_failure_of_an_old_attempt_does_not_end_the_next(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, way: Way, said: Status
) -> None:
    way(ledger, church_id, message, first)
    if ledger.stands(first.delivery_id).attempts == first.attempt:
        return  # believed lost, and not claimed since: the receipt is of the present attempt

    hear(ledger, first, said)

    assert ledger.counts(message) == {Status.QUEUED: 1}


def test_of_one_text_a_failure_and_then_a_late_sent_are_no_proof_in_one_batch_either(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    is_sent_again_by_a_person(ledger, church_id, message, first)
    ledger.receive(first.delivery_id, Status.FAILED, carrier_id=FIRST)
    ledger.receive(first.delivery_id, Status.SENT, carrier_id=FIRST)

    assert ledger.apply() == 2

    assert ledger.counts(message) == {Status.QUEUED: 1}


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_failure_of_one_text_and_a_sign_of_life_of_another_leave_it_with_the_living_one(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, limit: int
) -> None:
    is_sent_again_by_a_person(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    accepted(ledger, second, SECOND)
    ledger.receive(
        second.delivery_id, Status.UNDELIVERED, attempt=second.attempt, carrier_id=SECOND, error_code="30003"
    )
    ledger.receive(first.delivery_id, Status.SENT, attempt=first.attempt, carrier_id=FIRST)

    while ledger.apply(limit=limit, retryable_codes=RETRYABLE_CODES):
        pass

    stands = ledger.stands(first.delivery_id)
    assert (stands.status, stands.carrier_id) == ("sent", FIRST)


def test_what_follows_about_a_text_that_lived_is_heeded(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    is_sent_again_by_a_person(ledger, church_id, message, first)
    hear(ledger, first, Status.SENT)

    hear(ledger, first, Status.DELIVERED)

    assert ledger.counts(message) == {Status.DELIVERED: 1}


@pytest.mark.parametrize("callback_came", [True, False])
def test_the_failure_of_a_text_that_lived_is_heeded_once_the_carrier_is_asked(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, callback_came: bool
) -> None:
    is_sent_again_by_a_person(ledger, church_id, message, first)
    hear(ledger, first, Status.SENT)
    if callback_came:
        hear(ledger, first, Status.FAILED)
    ledger.complete(church_id)
    ledger.query("UPDATE messages SET completed_at = now() - interval '1 hour'")
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour'")

    with system_scope(ledger.database) as connection:
        [asked] = reconciliation.take_unreported(connection, channel="sms", limit=10, after_seconds=60.0)
    ledger.receive(asked.delivery_id, Status.FAILED, attempt=asked.attempt, carrier_id=asked.carrier_id)
    ledger.apply()

    assert ledger.counts(message) == {Status.FAILED: 1}


# --- claimed again already --------------------------------------------------------------------------------------------


@pytest.fixture
def second(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> Envelope:
    """Another attempt, claimed, after the first was believed lost."""
    is_sent_again_by_a_person(ledger, church_id, message, first)
    [envelope] = claim_again(ledger, church_id)
    return envelope


@pytest.mark.parametrize(
    ("said", "stands", "becomes"),
    [
        # The recipient has it, whatever becomes of the other attempt.
        (Status.DELIVERED, Status.SENDING, Status.DELIVERED),
        (Status.DELIVERED, Status.UNKNOWN, Status.DELIVERED),
        (Status.DELIVERED, Status.SENT, Status.DELIVERED),
        (Status.DELIVERED, Status.UNDELIVERED, Status.DELIVERED),
        (Status.DELIVERED, Status.FAILED, Status.DELIVERED),
        (Status.DELIVERED, Status.CANCELED, Status.DELIVERED),
        (Status.DELIVERED, Status.SUPPRESSED, Status.DELIVERED),
        (Status.DELIVERED, Status.DELIVERED, Status.DELIVERED),
        # It lives: nothing more is to be submitted.
        (Status.SENT, Status.SENDING, Status.SENT),
        (Status.SENT, Status.UNKNOWN, Status.SENT),
        (Status.SENT, Status.CANCELED, Status.SENT),
        (Status.SENT, Status.SUPPRESSED, Status.SENT),
        # What is known of the present attempt goes further.
        (Status.SENT, Status.SENT, Status.SENT),
        (Status.SENT, Status.UNDELIVERED, Status.UNDELIVERED),
        (Status.SENT, Status.FAILED, Status.FAILED),
        # A failure is of its own attempt alone.
        *[(said, stands, stands) for said in (Status.UNDELIVERED, Status.FAILED) for stands in Status],
    ],
)
def test_what_an_old_attempt_says_of_a_delivery_that_was_claimed_again(
    ledger: Ledger, message: Message, first: Envelope, second: Envelope, said: Status, stands: Status, becomes: Status
) -> None:
    ledger.put(first.delivery_id, stands)

    hear(ledger, first, said)

    assert ledger.counts(message) == {becomes: 1}
    assert ledger.apply() == 0


@pytest.mark.parametrize("said", [Status.SENT, Status.DELIVERED])
@pytest.mark.parametrize("answer", [Status.QUEUED, Status.UNKNOWN, Status.FAILED])
def test_an_attempt_under_way_that_comes_to_nothing_is_not_followed_by_a_third(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, second: Envelope, said: Status, answer: Status
) -> None:
    """Handed back by a worker that stops, put off, lost or refused: the first text lives."""
    hear(ledger, first, said)

    assert record(ledger, second, answer) == 0

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {said: 1}


def test_a_second_text_is_told_of_when_both_may_have_arrived(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, second: Envelope
) -> None:
    hear(ledger, first, Status.DELIVERED)
    accepted(ledger, second, SECOND)
    ledger.apply()

    stands = ledger.stands(first.delivery_id)
    assert (stands.status, stands.carrier_id) == ("delivered", FIRST)
    assert stands.reason == "an earlier attempt arrived, this one perhaps too"
    known = ledger.query("SELECT delivery_id, attempt FROM receipts WHERE carrier_id = %(id)s", id=SECOND)
    assert known == [(second.delivery_id, second.attempt)], "nobody else may take the second text for theirs"


@pytest.mark.parametrize("said", [Status.SENT, Status.DELIVERED])
def test_an_accepted_attempt_keeps_its_own_id(
    ledger: Ledger, message: Message, first: Envelope, second: Envelope, said: Status
) -> None:
    accepted(ledger, second, SECOND)

    hear(ledger, first, said)

    assert ledger.stands(first.delivery_id).carrier_id == SECOND


def test_the_answer_of_the_attempt_under_way_brings_its_own_id_after_a_sign_of_life_of_the_first(
    ledger: Ledger, message: Message, first: Envelope, second: Envelope
) -> None:
    hear(ledger, first, Status.SENT)

    accepted(ledger, second, SECOND)

    stands = ledger.stands(first.delivery_id)
    assert (stands.status, stands.carrier_id) == ("sent", SECOND)


@pytest.mark.parametrize(
    "believed_lost", [is_missed_at_the_carrier, is_sent_again_by_a_person], ids=lambda w: w.__name__
)
def test_the_late_answer_of_an_old_attempt_stops_the_next(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, believed_lost: Way
) -> None:
    """A worker that stood still for longer than its lease knows what no callback has told yet."""
    believed_lost(ledger, church_id, message, first)

    accepted(ledger, first)
    ledger.apply()

    assert claim_again(ledger, church_id) == []
    stands = ledger.stands(first.delivery_id)
    assert (stands.status, stands.carrier_id) == ("sent", FIRST)


def test_the_late_answer_of_an_old_attempt_ends_the_next_that_comes_to_nothing(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, second: Envelope
) -> None:
    accepted(ledger, first)
    ledger.apply()

    record(ledger, second, Status.QUEUED)

    assert ledger.counts(message) == {Status.SENT: 1}


def test_a_delivery_that_was_never_submitted_is_moved_by_no_receipt(ledger: Ledger, church_id: UUID) -> None:
    """A duplicate that moved would be a second living delivery to the same person."""
    ledger.send(church_id, [*numbers(1), *numbers(1)])
    [(duplicate,)] = ledger.query("SELECT delivery_id FROM deliveries WHERE status = 'suppressed'")
    ledger.receive(duplicate, Status.DELIVERED, attempt=1)

    assert ledger.apply() == 1

    assert ledger.stands(duplicate).status == "suppressed"


def test_what_turns_out_to_live_though_canceled_is_asked_after(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    is_sent_again_by_a_person(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)
        message_lifecycle.cancel(connection, church_id=church_id, message_id=message.message_id)
    ledger.complete(church_id)
    with system_scope(ledger.database) as connection:
        assert message_lifecycle.settle(connection, give_up_seconds=1e6) == 1

    hear(ledger, first, Status.SENT)

    ledger.query("UPDATE messages SET completed_at = now() - interval '1 hour'")
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour'")
    with system_scope(ledger.database) as connection:
        asked = reconciliation.take_unreported(connection, channel="sms", limit=10, after_seconds=60.0)
    assert [each.carrier_id for each in asked] == [FIRST]


# --- the claim --------------------------------------------------------------------------------------------------------


@back_in_the_queue
@pytest.mark.parametrize("said", [Status.SENT, Status.DELIVERED, Status.FAILED])
def test_a_claim_leaves_what_a_stored_receipt_may_settle(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, way: Way, said: Status
) -> None:
    if way is is_paused_after_a_failure:
        way = is_resumed_after_a_failure
    way(ledger, church_id, message, first)
    ledger.receive(first.delivery_id, said, attempt=first.attempt, carrier_id=FIRST)

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {Status.QUEUED: 1}

    ledger.apply()
    lives = said is Status.DELIVERED or (said is Status.SENT and way in BELIEVED_LOST)
    ends = said is Status.FAILED and way in (is_missed_at_the_carrier,)
    assert len(claim_again(ledger, church_id)) == (0 if lives or ends else 1)


def test_a_claim_takes_the_others(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(3))
    due = [row[0] for row in ledger.query("SELECT delivery_id FROM deliveries ORDER BY due_at, delivery_id")]
    ledger.receive(due[0], Status.DELIVERED, attempt=0)

    assert sorted(envelope.delivery_id for envelope in ledger.claim(church_id, limit=2).envelopes) == sorted(due[1:])


def test_what_waits_for_its_receipt_keeps_its_message_open(ledger: Ledger, church_id: UUID, message: Message) -> None:
    [(delivery_id,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.receive(delivery_id, Status.DELIVERED, attempt=0)

    assert ledger.claim(church_id).taken == 0
    assert ledger.complete(church_id) == 0


def test_an_old_failure_is_not_retried_sooner_for_its_age(ledger: Ledger, church_id: UUID, first: Envelope) -> None:
    accepted(ledger, first)
    ledger.query("UPDATE messages SET send_at = now() - %(age)s", age=timedelta(days=2))
    ledger.receive(first.delivery_id, Status.UNDELIVERED, carrier_id=FIRST, error_code="30003")

    ledger.apply(policy=RetryPolicy(), retryable_codes=RETRYABLE_CODES)

    assert ledger.stands(first.delivery_id).status == "undelivered"
