"""What receipts cost: those without news are stored as applied, and a batch touches only the rows that it changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from messaging.retry import RetryPolicy
from messaging.states import RECEIPT_STATUSES, Status
from store import message_lifecycle, receipts
from store.database import system_scope
from store.deliveries import DeliveryUpdate
from store.receipts import AppliedReceipts, Receipt
from tests.integration.store.ledger import Ledger, numbers, sent

TEXT = "SM-of-the-text"


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def delivery(ledger: Ledger, church_id: UUID) -> UUID:
    """A delivery that the carrier accepted as TEXT."""
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    ledger.record([DeliveryUpdate(delivery_id=envelope.delivery_id, attempt=1, status=Status.SENT, carrier_id=TEXT)])
    return envelope.delivery_id


# --- stored as applied ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", RECEIPT_STATUSES)
def test_sent_of_a_delivery_that_is_at_least_sent_is_stored_as_applied(
    ledger: Ledger, delivery: UUID, status: Status
) -> None:
    ledger.set_status(delivery, status)
    before = ledger.query("SELECT xmin::text, * FROM deliveries")

    assert ledger.receive(delivery, Status.SENT, carrier_id=TEXT)

    assert not ledger.has_unapplied()
    assert ledger.query("SELECT carrier_id, status::text, applied_at IS NOT NULL FROM receipts") == [
        (TEXT, "sent", True)
    ]
    assert ledger.query("SELECT xmin::text, * FROM deliveries") == before
    assert not ledger.receive(delivery, Status.SENT, carrier_id=TEXT), "a repeated callback is still stored once"


@pytest.mark.parametrize(
    ("present", "reported", "attempt", "carrier_id"),
    [
        *((present, Status.SENT, 1, TEXT) for present in Status if present not in RECEIPT_STATUSES),
        *((Status.SENT, reported, 1, TEXT) for reported in RECEIPT_STATUSES if reported is not Status.SENT),
        (Status.DELIVERED, Status.DELIVERED, 1, TEXT),
        (Status.SENT, Status.SENT, 2, TEXT),
        (Status.SENT, Status.SENT, 0, TEXT),
        (Status.SENT, Status.SENT, 1, "SM-of-another-text"),
    ],
)
def test_every_other_receipt_waits_to_be_applied(
    ledger: Ledger, delivery: UUID, present: Status, reported: Status, attempt: int, carrier_id: str
) -> None:
    ledger.set_status(delivery, present)

    ledger.receive(delivery, reported, attempt=attempt, carrier_id=carrier_id)

    assert ledger.has_unapplied()
    assert ledger.apply() == 1


def test_sent_that_was_stored_as_applied_proves_to_whom_its_text_belongs(
    ledger: Ledger, church_id: UUID, delivery: UUID
) -> None:
    ledger.receive(delivery, Status.SENT, carrier_id=TEXT)
    ledger.send(church_id, numbers(1))
    [other] = ledger.claim(church_id).envelopes

    ledger.record([DeliveryUpdate(delivery_id=other.delivery_id, attempt=1, status=Status.SENT, carrier_id=TEXT)])

    assert (ledger.get(delivery).status, ledger.get(delivery).carrier_id) == ("sent", TEXT)
    assert ledger.get(other.delivery_id).status == "unknown"


def test_a_receipt_that_names_another_delivery_than_before_waits_to_be_applied(
    ledger: Ledger, church_id: UUID, delivery: UUID
) -> None:
    ledger.receive(delivery, Status.SENT, carrier_id=TEXT)
    ledger.send(church_id, numbers(1))
    [other] = ledger.claim(church_id).envelopes

    ledger.receive(other.delivery_id, Status.SENT, carrier_id=TEXT)

    assert ledger.has_unapplied()
    ledger.apply()
    assert ledger.get(other.delivery_id).carrier_id == TEXT
    assert ledger.get(delivery).status == "unknown"


@pytest.mark.parametrize("is_recorded", [True, False])
def test_storing_a_receipt_does_not_wait_for_a_delivery_that_is_being_written(
    ledger: Ledger, delivery: UUID, is_recorded: bool
) -> None:
    """Until an acceptance is committed, its receipt waits to be applied."""
    if not is_recorded:
        ledger.set_status(delivery, Status.SENDING)
    with system_scope(ledger.database) as connection:
        connection.execute("UPDATE deliveries SET status = 'sent', lease_until = NULL")
        with system_scope(ledger.database) as other:
            other.execute("SET LOCAL lock_timeout = '1s'")
            receipts.insert(other, [receipt(delivery, Status.SENT)])

    assert ledger.has_unapplied() is not is_recorded
    ledger.apply()
    assert ledger.get(delivery).status == "sent"


# --- applied in bulk --------------------------------------------------------------------------------------------------


def receipt(delivery_id: UUID, status: Status) -> Receipt:
    return Receipt(delivery_id=delivery_id, attempt=1, carrier_id=TEXT, status=status, error_code=None)


def apply_and_count(ledger: Ledger) -> tuple[AppliedReceipts, dict[str, tuple[int, int]]]:
    """Applies receipts, and returns the rows read and updated in the tables deliveries and messages."""
    with system_scope(ledger.database) as connection:
        before = rows_touched(connection)
        applied = receipts.apply(connection, limit=1000, policy=RetryPolicy(), retryable_codes={"30003": 300.0})
        after = rows_touched(connection)
    return applied, {
        name: (read - before[name][0], updated - before[name][1]) for name, (read, updated) in after.items()
    }


def rows_touched(connection: Connection[Any]) -> dict[str, tuple[int, int]]:
    """Returns the rows read and updated in each table. It may include earlier transactions of the connection."""
    counted = connection.execute(
        "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0), n_tup_upd "
        "FROM pg_stat_xact_user_tables WHERE relname IN ('deliveries', 'messages')"
    )
    return {name: (read, updated) for name, read, updated in counted}


def test_receipts_of_one_text_that_wait_together_write_its_delivery_once(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    for status in (Status.DELIVERED, Status.SENT):
        ledger.receive(envelope.delivery_id, status, carrier_id=TEXT)

    applied, rows = apply_and_count(ledger)

    assert applied.applied == 2
    assert rows["deliveries"][1] == 1
    assert ledger.get(envelope.delivery_id).status == "delivered"


def test_applying_receipts_reads_no_message_for_each_receipt(ledger: Ledger, church_id: UUID) -> None:
    """A join with messages would, and even every message for each, because the planner knows neither number."""
    messages = 60
    for _ in range(messages):
        ledger.send(church_id, numbers(5))
    claim = ledger.claim(church_id)
    ledger.record(sent(claim))
    for envelope in claim.envelopes:
        ledger.receive(envelope.delivery_id, Status.DELIVERED, carrier_id=f"SM{envelope.delivery_id.hex}")

    applied, rows = apply_and_count(ledger)

    assert applied.applied == 5 * messages
    assert rows["deliveries"][1] == 5 * messages
    assert rows["messages"][0] <= 3 * messages, "at most, a small table is read once for each of three joins"


# --- which messages may be complete -----------------------------------------------------------------------------------


def test_only_messages_with_deliveries_that_were_not_submitted_may_become_complete(
    ledger: Ledger, church_id: UUID, delivery: UUID
) -> None:
    early = ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    ledger.receive(delivery, Status.DELIVERED, carrier_id=TEXT)
    ledger.receive(envelope.delivery_id, Status.DELIVERED)

    applied, _ = apply_and_count(ledger)

    assert applied.submitted_message_ids == [early.message_id]


def test_messages_are_completed_only_when_nothing_is_left_to_submit(ledger: Ledger, church_id: UUID) -> None:
    done, begun, other = (ledger.send(church_id, numbers(count)) for count in (1, 2, 1))
    first, second, *_ = ledger.claim(church_id).envelopes
    for envelope in (first, second):
        ledger.receive(envelope.delivery_id, Status.DELIVERED)
    ledger.receive(ledger.query("SELECT delivery_id FROM deliveries ORDER BY message_id DESC")[0][0], Status.DELIVERED)
    applied, _ = apply_and_count(ledger)
    assert applied.submitted_message_ids == [done.message_id, begun.message_id, other.message_id]

    with system_scope(ledger.database) as connection:
        ids = [done.message_id, begun.message_id]
        assert message_lifecycle.complete_submitted(connection, ids) == 1
        assert message_lifecycle.complete_submitted(connection, ids) == 0

    completed = ledger.query("SELECT message_id FROM messages WHERE completed_at IS NOT NULL")
    assert completed == [(done.message_id,)]


def test_a_retryable_failure_leaves_its_message_open(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))
    [envelope] = ledger.claim(church_id).envelopes
    ledger.receive(envelope.delivery_id, Status.FAILED, error_code="30003")

    applied, _ = apply_and_count(ledger)

    assert applied.submitted_message_ids == []
    assert ledger.get(envelope.delivery_id).status == "queued"
