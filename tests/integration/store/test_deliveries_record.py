"""The result of a submission is recorded once, and only for its own attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from messaging.states import Status
from messaging.submissions import Envelope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def claimed(ledger: Ledger, church_id: UUID) -> Envelope:
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    return envelope


def result_of(claimed: Envelope, status: Status, **more: str | float) -> DeliveryUpdate:
    return replace(DeliveryUpdate(delivery_id=claimed.delivery_id, attempt=claimed.attempt, status=status), **more)


def test_an_acceptance_ends_the_lease_and_stores_the_carrier_id(ledger: Ledger, claimed: Envelope) -> None:
    assert ledger.record([result_of(claimed, Status.SENT, carrier_id="SM1")]) == 1

    delivery = ledger.get(claimed.delivery_id)
    assert (delivery.status, delivery.carrier_id, delivery.attempts) == ("sent", "SM1", 1)
    assert ledger.query("SELECT lease_until FROM deliveries") == [(None,)]


def test_a_refusal_is_stored_with_its_code_and_reason(ledger: Ledger, claimed: Envelope) -> None:
    ledger.record([result_of(claimed, Status.FAILED, error_code="21211", reason="not a number")])

    delivery = ledger.get(claimed.delivery_id)
    assert (delivery.status, delivery.error_code, delivery.reason) == ("failed", "21211", "not a number")


def test_recording_the_same_result_again_changes_nothing(ledger: Ledger, claimed: Envelope) -> None:
    result = result_of(claimed, Status.SENT, carrier_id="SM1")
    ledger.record([result])
    before = ledger.get(claimed.delivery_id)

    assert ledger.record([result]) == 0
    assert ledger.get(claimed.delivery_id) == before


def test_a_transient_refusal_is_queued_again_after_its_delay(
    ledger: Ledger, church_id: UUID, claimed: Envelope
) -> None:
    ledger.record([result_of(claimed, Status.QUEUED, delay_seconds=30.0)])

    [(due_at,)] = ledger.query("SELECT due_at FROM deliveries")
    assert timedelta(seconds=25) < due_at - datetime.now(UTC) <= timedelta(seconds=30)
    assert ledger.claim(church_id).taken == 0


def test_without_a_delay_a_delivery_keeps_its_place_and_is_claimed_as_the_next_attempt(
    ledger: Ledger, church_id: UUID, claimed: Envelope
) -> None:
    later = ledger.send(church_id, numbers(1, first=1))

    ledger.record([result_of(claimed, Status.QUEUED)])

    [again] = ledger.claim(church_id, limit=1).envelopes
    assert (again.delivery_id, again.attempt) == (claimed.delivery_id, 2)
    assert ledger.counts(later) == {Status.QUEUED: 1}


def test_a_result_of_an_earlier_attempt_changes_nothing(ledger: Ledger, church_id: UUID, claimed: Envelope) -> None:
    ledger.record([result_of(claimed, Status.QUEUED)])
    ledger.claim(church_id)

    assert ledger.record([result_of(claimed, Status.FAILED)]) == 0
    assert ledger.get(claimed.delivery_id).status == "sending"


@pytest.mark.parametrize("answer", [Status.SENT, Status.QUEUED, Status.FAILED])
def test_a_result_does_not_replace_a_receipt_that_was_applied_first(
    answer: Status, ledger: Ledger, church_id: UUID, claimed: Envelope
) -> None:
    ledger.receive(claimed.delivery_id, Status.DELIVERED, carrier_id="SM1")
    ledger.apply()

    assert ledger.record([result_of(claimed, answer, carrier_id="SM1")]) == 0

    delivery = ledger.get(claimed.delivery_id)
    assert (delivery.status, delivery.carrier_id) == ("delivered", "SM1")
    assert ledger.claim(church_id).taken == 0


@pytest.mark.parametrize("answer", [Status.SENT, Status.QUEUED, Status.FAILED])
def test_a_result_after_the_lease_expired_resolves_the_delivery_in_doubt(
    answer: Status, ledger: Ledger, church_id: UUID
) -> None:
    ledger.send(church_id, numbers(1))
    [claimed] = ledger.claim(church_id, lease_seconds=0).envelopes
    assert ledger.expire_leases() == 1

    assert ledger.record([result_of(claimed, answer)]) == 1

    assert ledger.get(claimed.delivery_id).status == answer.value


def test_a_batch_records_each_delivery_with_its_own_result(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(9))
    claim = ledger.claim(church_id)
    answers = [Status.SENT, Status.FAILED, Status.QUEUED]

    results = [result_of(envelope, answers[n % 3]) for n, envelope in enumerate(claim.envelopes)]

    assert ledger.record(results) == 9
    assert ledger.counts(message) == {Status.SENT: 3, Status.FAILED: 3, Status.QUEUED: 3}


def test_recording_no_results_changes_nothing(ledger: Ledger) -> None:
    assert ledger.record([]) == 0
