"""Receipts move deliveries as messaging/states.py lists, in any order and in any batch."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from messaging.states import RECEIPT_STATUSES, Status, receipt_may_move
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from tests.harness.waiting import wait_until
from tests.integration.store.ledger import Ledger, numbers, sent, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def delivery(ledger: Ledger, church_id: UUID) -> UUID:
    """A delivery that is being submitted."""
    ledger.send(church_id, numbers(1))
    return ledger.claim(church_id).envelopes[0].delivery_id


def test_the_database_has_the_statuses_in_the_same_order(ledger: Ledger) -> None:
    assert ledger.query("SELECT unnest(enum_range(NULL::delivery_status))::text") == [(status,) for status in Status]


@pytest.mark.parametrize("reported", RECEIPT_STATUSES)
def test_a_receipt_moves_a_delivery_only_by_the_listed_transitions(
    reported: Status, ledger: Ledger, church_id: UUID
) -> None:
    ledger.send(church_id, numbers(len(Status)))
    ids = dict(zip(Status, [envelope.delivery_id for envelope in ledger.claim(church_id).envelopes], strict=True))
    for status, delivery in ids.items():
        ledger.set_status(delivery, status)
        ledger.receive(delivery, reported)

    assert ledger.apply() == len(Status)

    expected = {status: reported if status in receipt_may_move(reported) else status for status in Status}
    assert {status: ledger.get(delivery).status for status, delivery in ids.items()} == expected


def test_a_receipt_stores_the_carrier_id_and_the_error_code(ledger: Ledger, delivery: UUID) -> None:
    ledger.receive(delivery, Status.UNDELIVERED, carrier_id="SM1", error_code="30003")

    ledger.apply()

    found = ledger.get(delivery)
    assert (found.status, found.carrier_id, found.error_code) == ("undelivered", "SM1", "30003")
    assert ledger.query("SELECT lease_until FROM deliveries") == [(None,)]


def test_a_repeated_callback_is_stored_once(ledger: Ledger, delivery: UUID) -> None:
    assert ledger.receive(delivery, Status.SENT, carrier_id="SM1")
    assert not ledger.receive(delivery, Status.SENT, carrier_id="SM1")
    assert ledger.receive(delivery, Status.DELIVERED, carrier_id="SM1")

    assert [ledger.apply(), ledger.apply()] == [2, 0]


@pytest.mark.parametrize("order", [[Status.SENT, Status.DELIVERED], [Status.DELIVERED, Status.SENT]])
@pytest.mark.parametrize("in_one_batch", [True, False])
def test_the_furthest_of_several_receipts_counts_in_one_batch_or_in_two(
    order: list[Status], in_one_batch: bool, ledger: Ledger, delivery: UUID
) -> None:
    for status in order:
        ledger.receive(delivery, status, carrier_id="SM1")
        if not in_one_batch:
            ledger.apply()
    ledger.apply()

    assert ledger.get(delivery).status == "delivered"


def test_a_queued_delivery_with_a_sent_receipt_is_not_claimed(ledger: Ledger, church_id: UUID, delivery: UUID) -> None:
    ledger.record([DeliveryUpdate(delivery_id=delivery, attempt=1, status=Status.QUEUED)])
    ledger.receive(delivery, Status.SENT)

    ledger.apply()

    assert ledger.claim(church_id).taken == 0


def test_receipts_of_unknown_deliveries_are_applied_without_effect(ledger: Ledger) -> None:
    ledger.receive(uuid4(), Status.DELIVERED)
    assert ledger.has_unapplied()

    assert ledger.apply() == 1

    assert not ledger.has_unapplied()


def test_at_most_limit_receipts_are_applied_the_oldest_first(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(5))
    ids = [envelope.delivery_id for envelope in ledger.claim(church_id).envelopes]
    random.shuffle(ids)
    for delivery in ids:
        ledger.receive(delivery, Status.SENT)

    assert ledger.apply(limit=3) == 3

    assert [ledger.get(delivery).status for delivery in ids] == ["sent"] * 3 + ["sending"] * 2
    assert [ledger.apply(limit=3), ledger.apply(limit=3)] == [2, 0]


def test_a_receipt_is_applied_to_the_status_that_a_concurrent_transaction_commits(
    ledger: Ledger, church_id: UUID
) -> None:
    """The statement's snapshot is older than the commit that it waits for."""
    ledger.send(church_id, numbers(1))
    claim = ledger.claim(church_id)
    [envelope] = claim.envelopes
    ledger.receive(envelope.delivery_id, Status.DELIVERED)

    with ThreadPoolExecutor(1) as threads:
        with system_scope(ledger.database) as connection:
            connection.execute("SELECT FROM deliveries FOR UPDATE")
            applied = threads.submit(ledger.apply)
            wait_until(
                lambda: ledger.query(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
            )
            connection.execute("UPDATE deliveries SET status = 'sent', lease_until = NULL")
        assert applied.result() == 1

    assert ledger.get(envelope.delivery_id).status == "delivered"


def test_concurrent_appliers_apply_each_receipt_once(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(300))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    reported = [
        (envelope.delivery_id, status) for envelope in claim.envelopes for status in (Status.SENT, Status.DELIVERED)
    ]
    random.shuffle(reported)
    for delivery, status in reported:
        ledger.receive(delivery, status)

    def apply_until_empty(_: int) -> int:
        used = 0
        while now := ledger.apply(limit=50):
            used += now
        return used

    assert sum(together(4, apply_until_empty)) == 600
    assert ledger.counts(message) == {Status.DELIVERED: 300}
