"""Late receipts, of earlier attempts: a text that the recipient has is not sent again."""

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
RETRY_PAUSES = {"30003": 300.0}


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def message(ledger: Ledger, church_id: UUID) -> Message:
    """One delivery, not claimed yet."""
    return ledger.send(church_id, numbers(1))


@pytest.fixture
def first(ledger: Ledger, church_id: UUID, message: Message) -> Envelope:
    """The first attempt, claimed."""
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


def receive_and_apply(
    ledger: Ledger, envelope: Envelope, status: Status, carrier_id: str = FIRST, code: str | None = None
) -> None:
    """Store a receipt of the envelope's attempt and apply all."""
    ledger.receive(envelope.delivery_id, status, attempt=envelope.attempt, carrier_id=carrier_id, error_code=code)
    ledger.apply(retryable_codes=RETRY_PAUSES)


def claim_again(ledger: Ledger, church_id: UUID) -> list[Envelope]:
    ledger.query("UPDATE deliveries SET due_at = now() WHERE status = 'queued'")
    return ledger.claim(church_id).envelopes


def retry(ledger: Ledger, church_id: UUID, message: Message) -> None:
    with system_scope(ledger.database) as connection:
        message_lifecycle.retry_failed(
            connection, church_id=church_id, message_id=message.message_id, reasons=None, error_codes=None
        )


# --- deliveries that return to the queue ------------------------------------------------------------------------------

Requeue = Callable[[Ledger, UUID, Message, Envelope], None]


def retryable_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    accepted(ledger, first)
    receive_and_apply(ledger, first, Status.UNDELIVERED, code="30003")


def retried_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    accepted(ledger, first)
    receive_and_apply(ledger, first, Status.UNDELIVERED, code="30006")
    retry(ledger, church_id, message)


def retried_refusal(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    record(ledger, first, Status.FAILED)
    retry(ledger, church_id, message)


def sent_again_by_a_person(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
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


def not_found_at_the_carrier(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    record(ledger, first, Status.UNKNOWN)
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour', missed_reads = 9")
    with system_scope(ledger.database) as connection:
        reconciliation.record_missing(
            connection, [(first.delivery_id, first.attempt)], policy=ReconciliationPolicy(), pause_seconds=1.0
        )


def unsubmitted_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    retryable_failure(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    record(ledger, second, Status.QUEUED)


def refused_after_not_found(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    not_found_at_the_carrier(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    record(ledger, second, Status.QUEUED, delay_seconds=60.0)


def paused_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    retryable_failure(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)


def resumed_after_a_failure(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> None:
    paused_after_a_failure(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.resume(connection, church_id=church_id, message=message)


FAILED_BEFORE: list[Requeue] = [
    retryable_failure,
    retried_failure,
    unsubmitted_after_a_failure,
    paused_after_a_failure,
    resumed_after_a_failure,
]
BELIEVED_LOST: list[Requeue] = [
    retried_refusal,
    sent_again_by_a_person,
    not_found_at_the_carrier,
    refused_after_not_found,
]
every_requeue = pytest.mark.parametrize("requeue", FAILED_BEFORE + BELIEVED_LOST, ids=lambda requeue: requeue.__name__)


@every_requeue
def test_a_queued_delivery_whose_earlier_attempt_was_delivered_is_not_sent_again(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, requeue: Requeue
) -> None:
    requeue(ledger, church_id, message, first)
    assert ledger.counts(message) == {Status.QUEUED: 1}

    receive_and_apply(ledger, first, Status.DELIVERED)

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {Status.DELIVERED: 1}
    delivery = ledger.get(first.delivery_id)
    assert (delivery.carrier_id, delivery.reason) == (FIRST, None)
    assert ledger.complete(church_id) == 1


@every_requeue
def test_a_late_sent_receipt_counts_unless_that_text_is_known_to_have_failed(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, requeue: Requeue
) -> None:
    requeue(ledger, church_id, message, first)

    receive_and_apply(ledger, first, Status.SENT)

    is_sent = requeue in BELIEVED_LOST
    assert ledger.counts(message) == {Status.SENT if is_sent else Status.QUEUED: 1}
    if not is_sent and requeue is not paused_after_a_failure:
        assert len(claim_again(ledger, church_id)) == 1


@every_requeue
@pytest.mark.parametrize("reported", [Status.UNDELIVERED, Status.FAILED])
def test_a_late_failure_of_an_old_attempt_does_not_end_the_next(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, requeue: Requeue, reported: Status
) -> None:
    requeue(ledger, church_id, message, first)
    if ledger.get(first.delivery_id).attempts == first.attempt:
        return  # still the first attempt, so that the receipt is of the present one

    receive_and_apply(ledger, first, reported)

    assert ledger.counts(message) == {Status.QUEUED: 1}


def test_a_sent_receipt_does_not_count_if_the_same_batch_has_the_failure_of_that_text(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    sent_again_by_a_person(ledger, church_id, message, first)
    ledger.receive(first.delivery_id, Status.FAILED, carrier_id=FIRST)
    ledger.receive(first.delivery_id, Status.SENT, carrier_id=FIRST)

    assert ledger.apply() == 2

    assert ledger.counts(message) == {Status.QUEUED: 1}


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_a_failure_of_one_text_and_a_sent_receipt_of_another_leave_the_delivery_sent(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, limit: int
) -> None:
    sent_again_by_a_person(ledger, church_id, message, first)
    [second] = claim_again(ledger, church_id)
    accepted(ledger, second, SECOND)
    ledger.receive(
        second.delivery_id, Status.UNDELIVERED, attempt=second.attempt, carrier_id=SECOND, error_code="30003"
    )
    ledger.receive(first.delivery_id, Status.SENT, attempt=first.attempt, carrier_id=FIRST)

    while ledger.apply(limit=limit, retryable_codes=RETRY_PAUSES):
        pass

    delivery = ledger.get(first.delivery_id)
    assert (delivery.status, delivery.carrier_id) == ("sent", FIRST)


def test_further_receipts_of_a_text_that_was_sent_after_all_are_applied(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    sent_again_by_a_person(ledger, church_id, message, first)
    receive_and_apply(ledger, first, Status.SENT)

    receive_and_apply(ledger, first, Status.DELIVERED)

    assert ledger.counts(message) == {Status.DELIVERED: 1}


@pytest.mark.parametrize("callback_came", [True, False])
def test_a_fetched_failure_of_a_text_that_was_sent_after_all_is_applied(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, callback_came: bool
) -> None:
    sent_again_by_a_person(ledger, church_id, message, first)
    receive_and_apply(ledger, first, Status.SENT)
    if callback_came:
        receive_and_apply(ledger, first, Status.FAILED)
    ledger.complete(church_id)
    ledger.query("UPDATE messages SET completed_at = now() - interval '1 hour'")
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour'")

    with system_scope(ledger.database) as connection:
        [awaiting] = reconciliation.claim_awaiting_receipts(connection, channel="sms", limit=10, after_seconds=60.0)
    ledger.receive(awaiting.delivery_id, Status.FAILED, attempt=awaiting.attempt, carrier_id=awaiting.carrier_id)
    ledger.apply()

    assert ledger.counts(message) == {Status.FAILED: 1}


# --- deliveries that were claimed again -------------------------------------------------------------------------------


@pytest.fixture
def second(ledger: Ledger, church_id: UUID, message: Message, first: Envelope) -> Envelope:
    """Another attempt, claimed, after the first was believed lost."""
    sent_again_by_a_person(ledger, church_id, message, first)
    [envelope] = claim_again(ledger, church_id)
    return envelope


@pytest.mark.parametrize(
    ("reported", "unaffected"),
    [
        # The recipient has it, whatever the result of the other attempt.
        (Status.DELIVERED, set[Status]()),
        # The first text was sent: nothing more must be submitted. These have come further.
        (Status.SENT, {Status.UNDELIVERED, Status.FAILED, Status.DELIVERED}),
        # A failure concerns only its own attempt.
        (Status.UNDELIVERED, set(Status)),
        (Status.FAILED, set(Status)),
    ],
)
def test_a_receipt_of_an_old_attempt_of_deliveries_that_were_claimed_again(
    ledger: Ledger, church_id: UUID, reported: Status, unaffected: set[Status]
) -> None:
    ledger.send(church_id, numbers(len(Status)))
    envelopes = dict(zip(Status, ledger.claim(church_id).envelopes, strict=True))
    ledger.query("UPDATE deliveries SET attempts = 3")
    for status, envelope in envelopes.items():
        ledger.set_status(envelope.delivery_id, status)
        ledger.receive(envelope.delivery_id, reported, attempt=1)

    assert [ledger.apply(), ledger.apply()] == [len(Status), 0]

    assert {status: ledger.get(envelope.delivery_id).status for status, envelope in envelopes.items()} == {
        status: status if status in unaffected else reported for status in Status
    }


@pytest.mark.parametrize("reported", [Status.SENT, Status.DELIVERED])
@pytest.mark.parametrize("answer", [Status.QUEUED, Status.UNKNOWN, Status.FAILED])
def test_a_failed_second_attempt_is_not_followed_by_a_third_if_the_first_was_sent(
    ledger: Ledger,
    church_id: UUID,
    message: Message,
    first: Envelope,
    second: Envelope,
    reported: Status,
    answer: Status,
) -> None:
    """The result of the second attempt is `queued`, `unknown` or `failed`; the receipt of the first one counts."""
    receive_and_apply(ledger, first, reported)

    assert record(ledger, second, answer) == 0

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {reported: 1}


def test_a_reason_is_shown_if_both_attempts_may_have_arrived(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, second: Envelope
) -> None:
    receive_and_apply(ledger, first, Status.DELIVERED)
    accepted(ledger, second, SECOND)
    ledger.apply()

    delivery = ledger.get(first.delivery_id)
    assert (delivery.status, delivery.carrier_id) == ("delivered", FIRST)
    assert delivery.reason == "an earlier attempt arrived, this one perhaps too"
    known = ledger.query("SELECT delivery_id, attempt FROM receipts WHERE carrier_id = %(id)s", id=SECOND)
    assert known == [(second.delivery_id, second.attempt)], "no other delivery may get the id of the second text"


@pytest.mark.parametrize("reported", [Status.SENT, Status.DELIVERED])
def test_an_accepted_attempt_keeps_its_own_id(
    ledger: Ledger, message: Message, first: Envelope, second: Envelope, reported: Status
) -> None:
    accepted(ledger, second, SECOND)

    receive_and_apply(ledger, first, reported)

    assert ledger.get(first.delivery_id).carrier_id == SECOND


def test_the_acceptance_of_the_present_attempt_replaces_the_id_of_the_first(
    ledger: Ledger, message: Message, first: Envelope, second: Envelope
) -> None:
    receive_and_apply(ledger, first, Status.SENT)

    accepted(ledger, second, SECOND)

    delivery = ledger.get(first.delivery_id)
    assert (delivery.status, delivery.carrier_id) == ("sent", SECOND)


@pytest.mark.parametrize("believed_lost", [not_found_at_the_carrier, sent_again_by_a_person], ids=lambda w: w.__name__)
def test_a_late_acceptance_of_an_old_attempt_prevents_the_next(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, believed_lost: Requeue
) -> None:
    """A worker that was suspended for longer than its lease records the result before a callback arrives."""
    believed_lost(ledger, church_id, message, first)

    accepted(ledger, first)
    ledger.apply()

    assert claim_again(ledger, church_id) == []
    delivery = ledger.get(first.delivery_id)
    assert (delivery.status, delivery.carrier_id) == ("sent", FIRST)


def test_a_late_acceptance_of_an_old_attempt_counts_if_the_next_was_not_submitted(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, second: Envelope
) -> None:
    accepted(ledger, first)
    ledger.apply()

    record(ledger, second, Status.QUEUED)

    assert ledger.counts(message) == {Status.SENT: 1}


def test_a_receipt_does_not_change_a_delivery_that_was_never_submitted(ledger: Ledger, church_id: UUID) -> None:
    """A duplicate that changed would be a second delivery to the same person."""
    ledger.send(church_id, [*numbers(1), *numbers(1)])
    [(duplicate,)] = ledger.query("SELECT delivery_id FROM deliveries WHERE status = 'suppressed'")
    ledger.receive(duplicate, Status.DELIVERED, attempt=1)

    assert ledger.apply() == 1

    assert ledger.get(duplicate).status == "suppressed"


def test_the_status_of_a_canceled_delivery_that_was_sent_after_all_is_fetched(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope
) -> None:
    sent_again_by_a_person(ledger, church_id, message, first)
    with system_scope(ledger.database) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message.message_id)
        message_lifecycle.cancel(connection, church_id=church_id, message_id=message.message_id)
    ledger.complete(church_id)
    with system_scope(ledger.database) as connection:
        assert message_lifecycle.set_settled_at(connection, give_up_seconds=1e6) == 1

    receive_and_apply(ledger, first, Status.SENT)

    ledger.query("UPDATE messages SET completed_at = now() - interval '1 hour'")
    ledger.query("UPDATE deliveries SET updated_at = now() - interval '1 hour'")
    with system_scope(ledger.database) as connection:
        awaiting = reconciliation.claim_awaiting_receipts(connection, channel="sms", limit=10, after_seconds=60.0)
    assert [each.carrier_id for each in awaiting] == [FIRST]


# --- the claim --------------------------------------------------------------------------------------------------------


@every_requeue
@pytest.mark.parametrize("reported", [Status.SENT, Status.DELIVERED, Status.FAILED])
def test_a_claim_skips_deliveries_with_an_unapplied_receipt(
    ledger: Ledger, church_id: UUID, message: Message, first: Envelope, requeue: Requeue, reported: Status
) -> None:
    if requeue is paused_after_a_failure:
        requeue = resumed_after_a_failure
    requeue(ledger, church_id, message, first)
    ledger.receive(first.delivery_id, reported, attempt=first.attempt, carrier_id=FIRST)

    assert claim_again(ledger, church_id) == []
    assert ledger.counts(message) == {Status.QUEUED: 1}

    ledger.apply()
    is_sent = reported is Status.DELIVERED or (reported is Status.SENT and requeue in BELIEVED_LOST)
    failed = reported is Status.FAILED and requeue in (not_found_at_the_carrier,)
    assert len(claim_again(ledger, church_id)) == (0 if is_sent or failed else 1)


def test_a_claim_takes_deliveries_without_an_unapplied_receipt(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(3))
    due = [row[0] for row in ledger.query("SELECT delivery_id FROM deliveries ORDER BY due_at, delivery_id")]
    ledger.receive(due[0], Status.DELIVERED, attempt=0)

    assert sorted(envelope.delivery_id for envelope in ledger.claim(church_id, limit=2).envelopes) == sorted(due[1:])


def test_a_message_with_a_skipped_delivery_is_not_completed(ledger: Ledger, church_id: UUID, message: Message) -> None:
    [(delivery_id,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.receive(delivery_id, Status.DELIVERED, attempt=0)

    assert ledger.claim(church_id).taken == 0
    assert ledger.complete(church_id) == 0


def test_a_retryable_failure_of_an_old_message_is_not_retried(ledger: Ledger, church_id: UUID, first: Envelope) -> None:
    accepted(ledger, first)
    ledger.query("UPDATE messages SET send_at = now() - %(age)s", age=timedelta(days=2))
    ledger.receive(first.delivery_id, Status.UNDELIVERED, carrier_id=FIRST, error_code="30003")

    ledger.apply(policy=RetryPolicy(), retryable_codes=RETRY_PAUSES)

    assert ledger.get(first.delivery_id).status == "undelivered"
