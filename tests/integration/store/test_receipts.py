"""Receipts move deliveries by the state machine and by nothing else, in whatever order and company they come."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from uuid import UUID, uuid4

import pytest

from messaging.states import RECEIPT_STATUSES, Status, receipt_may_move
from store import receipts
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from tests.integration.store.ledger import Ledger, numbers, sent, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def delivery(ledger: Ledger, church_id: UUID) -> UUID:
    """One that is being sent."""
    ledger.send(church_id, numbers(1))
    return ledger.claim(church_id).envelopes[0].delivery_id


def test_the_database_orders_the_statuses_as_the_rules_do(ledger: Ledger) -> None:
    assert ledger.query("SELECT unnest(enum_range(NULL::delivery_status))::text") == [(status,) for status in Status]


@pytest.mark.parametrize(("stands", "said"), list(product(Status, RECEIPT_STATUSES)))
def test_a_receipt_moves_a_delivery_as_the_state_machine_says(
    stands: Status, said: Status, ledger: Ledger, delivery: UUID
) -> None:
    ledger.put(delivery, stands)
    ledger.receive(delivery, said)

    assert ledger.apply() == 1

    assert ledger.stands(delivery).status == (said if stands in receipt_may_move(said) else stands)


def test_a_receipt_brings_the_carriers_id_and_its_code(ledger: Ledger, delivery: UUID) -> None:
    ledger.receive(delivery, Status.UNDELIVERED, carrier_id="SM1", error_code="30003")

    ledger.apply()

    stands = ledger.stands(delivery)
    assert (stands.status, stands.carrier_id, stands.error_code) == ("undelivered", "SM1", "30003")
    assert ledger.query("SELECT lease_until FROM deliveries") == [(None,)]


def test_a_repeated_callback_is_stored_once(ledger: Ledger, delivery: UUID) -> None:
    assert ledger.receive(delivery, Status.SENT, carrier_id="SM1")
    assert not ledger.receive(delivery, Status.SENT, carrier_id="SM1")
    assert ledger.receive(delivery, Status.DELIVERED, carrier_id="SM1")

    assert [ledger.apply(), ledger.apply()] == [2, 0]


@pytest.mark.parametrize("order", [[Status.SENT, Status.DELIVERED], [Status.DELIVERED, Status.SENT]])
@pytest.mark.parametrize("together", [True, False])
def test_of_several_the_furthest_wins_in_one_batch_or_in_two(
    order: list[Status], together: bool, ledger: Ledger, delivery: UUID
) -> None:
    for said in order:
        ledger.receive(delivery, said, carrier_id="SM1")
        if not together:
            ledger.apply()
    ledger.apply()

    assert ledger.stands(delivery).status == "delivered"


def test_a_delivery_queued_again_by_mistake_is_not_sent_again(ledger: Ledger, church_id: UUID, delivery: UUID) -> None:
    ledger.record([DeliveryUpdate(delivery_id=delivery, attempt=1, status=Status.QUEUED)])
    ledger.receive(delivery, Status.SENT)

    ledger.apply()

    assert ledger.claim(church_id).taken == 0


def test_receipts_of_nobody_are_used_up(ledger: Ledger) -> None:
    ledger.receive(uuid4(), Status.DELIVERED)
    with system_scope(ledger.database) as connection:
        assert receipts.any_unapplied(connection)

    assert ledger.apply() == 1

    with system_scope(ledger.database) as connection:
        assert not receipts.any_unapplied(connection)


def test_no_more_than_asked_for_are_applied_the_oldest_first(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(5))
    ids = [envelope.delivery_id for envelope in ledger.claim(church_id).envelopes]
    random.shuffle(ids)
    for delivery in ids:
        ledger.receive(delivery, Status.SENT)

    assert ledger.apply(limit=3) == 3

    assert [ledger.stands(delivery).status for delivery in ids] == ["sent"] * 3 + ["sending"] * 2
    assert [ledger.apply(limit=3), ledger.apply(limit=3)] == [2, 0]


def test_a_receipt_that_meets_its_delivery_being_recorded_is_not_lost(ledger: Ledger, church_id: UUID) -> None:
    """The applier has looked before the record was committed, and moves the delivery after."""
    ledger.send(church_id, numbers(1))
    claim = ledger.claim(church_id)
    [envelope] = claim.envelopes
    ledger.receive(envelope.delivery_id, Status.DELIVERED)

    with ThreadPoolExecutor(1) as threads:
        with system_scope(ledger.database) as connection:
            connection.execute("SELECT FROM deliveries FOR UPDATE")
            applied = threads.submit(ledger.apply)
            _wait_until_somebody_waits_for_a_lock(ledger)
            connection.execute("UPDATE deliveries SET status = 'sent', lease_until = NULL")
        assert applied.result() == 1

    assert ledger.stands(envelope.delivery_id).status == "delivered"


def test_appliers_at_once_use_each_receipt_once_and_lose_none(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(300))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    said = [
        (envelope.delivery_id, status) for envelope in claim.envelopes for status in (Status.SENT, Status.DELIVERED)
    ]
    random.shuffle(said)
    for delivery, status in said:
        ledger.receive(delivery, status)

    def apply_until_empty(_: int) -> int:
        used = 0
        while now := ledger.apply(limit=50):
            used += now
        return used

    assert sum(together(4, apply_until_empty)) == 600
    assert ledger.counts(message) == {Status.DELIVERED: 300}


def _wait_until_somebody_waits_for_a_lock(ledger: Ledger) -> None:
    deadline = time.monotonic() + 5
    while not ledger.query(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
