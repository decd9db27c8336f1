"""Receipts belong to one attempt. A retryable failure begins the next attempt, a limited number of times."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from messaging.retry import RetryPolicy
from messaging.states import Status
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, sent

RETRY_PAUSES = {"30003": 300.0}
POLICY = RetryPolicy(limit=2, age_limit_seconds=3600.0)


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def delivery(ledger: Ledger, church_id: UUID) -> UUID:
    """A delivery that the carrier accepted, of a completed message."""
    ledger.send(church_id, numbers(1))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    ledger.complete(church_id)
    return claim.envelopes[0].delivery_id


def fail(ledger: Ledger, delivery: UUID, status: Status = Status.UNDELIVERED, *, code: str = "30003") -> None:
    """Applies a receipt of the present attempt."""
    ledger.receive(delivery, status, attempt=ledger.get(delivery).attempts, error_code=code)
    ledger.apply(policy=POLICY, retryable_codes=RETRY_PAUSES)


def send_again(ledger: Ledger, church_id: UUID) -> None:
    ledger.query("UPDATE deliveries SET due_at = now()")
    ledger.record(sent(ledger.claim(church_id)))
    ledger.complete(church_id)


@pytest.mark.parametrize("reported", [Status.UNDELIVERED, Status.FAILED])
@pytest.mark.parametrize("attempt", [1, 3])
def test_failures_of_other_attempts_change_nothing(
    ledger: Ledger, church_id: UUID, reported: Status, attempt: int
) -> None:
    statuses = [Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT]
    ledger.send(church_id, numbers(len(statuses)))
    ids = [envelope.delivery_id for envelope in ledger.claim(church_id).envelopes]
    ledger.query("UPDATE deliveries SET attempts = 2")
    for delivery, status in zip(ids, statuses, strict=True):
        ledger.set_status(delivery, status)
    before = [ledger.get(delivery) for delivery in ids]
    for delivery in ids:
        ledger.receive(delivery, reported, attempt=attempt)

    assert [ledger.apply(), ledger.apply()] == [len(ids), 0]

    assert [ledger.get(delivery) for delivery in ids] == before


def test_in_one_batch_the_arrival_of_an_old_attempt_outranks_a_failure_of_the_present_one(
    ledger: Ledger, delivery: UUID
) -> None:
    ledger.query("UPDATE deliveries SET attempts = 2")
    ledger.receive(delivery, Status.DELIVERED, attempt=1)
    ledger.receive(delivery, Status.UNDELIVERED, attempt=2)

    assert ledger.apply() == 2

    assert ledger.get(delivery).status == "delivered"


def test_in_one_batch_a_failure_of_an_old_attempt_is_ignored(ledger: Ledger, delivery: UUID) -> None:
    ledger.query("UPDATE deliveries SET attempts = 2")
    ledger.receive(delivery, Status.UNDELIVERED, attempt=1)
    ledger.receive(delivery, Status.DELIVERED, attempt=2)

    assert ledger.apply() == 2

    assert ledger.get(delivery).status == "delivered"


@pytest.mark.parametrize("status", [Status.UNDELIVERED, Status.FAILED])
def test_a_retryable_failure_is_queued_as_a_new_attempt_and_reopens_the_message(
    ledger: Ledger, church_id: UUID, delivery: UUID, status: Status
) -> None:
    ledger.query("UPDATE messages SET settled_at = now()")

    fail(ledger, delivery, status)

    found = ledger.get(delivery)
    assert (found.status, found.attempts, found.carrier_id, found.error_code) == ("queued", 2, None, "30003")
    assert ledger.query("SELECT completed_at, settled_at FROM messages") == [(None, None)]
    [(pause, tries)] = ledger.query("SELECT extract(epoch FROM due_at - now())::float, tries FROM deliveries")
    assert 140 < pause <= 300
    assert tries == 1
    assert ledger.claim(church_id).taken == 0
    ledger.receive(delivery, Status.FAILED, attempt=1)
    ledger.apply()
    assert ledger.get(delivery).status == "queued", "a receipt of the old attempt is ignored"


def test_the_pauses_double_up_to_the_retry_limit(ledger: Ledger, church_id: UUID, delivery: UUID) -> None:
    pauses: list[float] = []
    for _ in range(POLICY.limit):
        fail(ledger, delivery)
        pauses += ledger.query("SELECT extract(epoch FROM due_at - now())::float FROM deliveries")[0]
        send_again(ledger, church_id)

    fail(ledger, delivery)

    assert 140 < pauses[0] <= 300 < 2 * 150 + 0.1
    assert 290 < pauses[1] <= 600
    assert ledger.get(delivery).status == "undelivered"
    assert ledger.query("SELECT completed_at IS NULL FROM messages") == [(False,)]


@pytest.mark.parametrize(("age_seconds", "status"), [(3500, "queued"), (3700, "undelivered")])
def test_a_message_older_than_the_age_limit_is_not_retried(
    ledger: Ledger, delivery: UUID, age_seconds: int, status: str
) -> None:
    ledger.query("UPDATE messages SET send_at = now() - %(age)s", age=timedelta(seconds=age_seconds))

    fail(ledger, delivery)

    assert ledger.get(delivery).status == status


@pytest.mark.parametrize(
    ("code", "reported", "expected"),
    [
        ("30006", Status.UNDELIVERED, "undelivered"),
        ("30003", Status.SENT, "sent"),
        ("30003", Status.DELIVERED, "delivered"),
    ],
)
def test_only_a_failure_with_a_retryable_code_is_retried(
    ledger: Ledger, delivery: UUID, code: str, reported: Status, expected: str
) -> None:
    fail(ledger, delivery, reported, code=code)

    assert (ledger.get(delivery).status, ledger.get(delivery).attempts) == (expected, 1)


def test_a_failure_followed_by_delivered_is_not_retried(ledger: Ledger, delivery: UUID) -> None:
    ledger.receive(delivery, Status.UNDELIVERED, carrier_id="SM1", error_code="30003")
    ledger.receive(delivery, Status.DELIVERED, carrier_id="SM1")

    ledger.apply(policy=POLICY, retryable_codes=RETRY_PAUSES)
    fail(ledger, delivery)

    assert ledger.get(delivery).status == "delivered"


def test_retries_after_submission_and_after_receipts_share_one_limit(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))
    claimed = [ledger.claim(church_id)]
    for _ in range(POLICY.limit):
        [envelope] = claimed[-1].envelopes
        refused = DeliveryUpdate(
            delivery_id=envelope.delivery_id,
            attempt=envelope.attempt,
            status=Status.QUEUED,
            delay_seconds=0.0,
            counts_as_try=True,
        )
        ledger.record([refused])
        claimed.append(ledger.claim(church_id))
    ledger.record(sent(claimed[-1]))
    [delivery] = {envelope.delivery_id for claim in claimed for envelope in claim.envelopes}

    fail(ledger, delivery)

    assert ledger.get(delivery).status == "undelivered"
