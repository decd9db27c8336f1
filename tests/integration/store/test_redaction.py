"""Texts and addresses are removed after some time, and nothing that is still going on breaks by it."""

from __future__ import annotations

from uuid import UUID

import pytest

from messaging.states import Status
from store import messages, reconciliation, retention
from store.database import church_scope, system_scope
from store.messages import Message
from store.retention import Doubts
from tests.integration.api.messages_in_progress import message_with
from tests.integration.store.ledger import Ledger
from tests.integration.store.old_messages import age

KEPT_DAYS = 60
NO_DOUBTS = Doubts(since_by_church={})


def redact(ledger: Ledger, *, slice_size: int = 2) -> int:
    """Redacts until nothing is left to do. Returns how many messages were redacted."""
    total = 0
    while True:
        with system_scope(ledger.database) as connection:
            addresses = retention.redact_deliveries(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=slice_size)
        with system_scope(ledger.database) as connection:
            done = retention.redact_messages(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=slice_size)
        total += done
        if not addresses and not done:
            return total


def read(ledger: Ledger, church_id: UUID, message: Message) -> Message:
    with church_scope(ledger.database, church_id) as connection:
        found = messages.get(connection, church_id=church_id, message_id=message.message_id)
    assert found is not None
    return found


def test_text_target_and_addresses_are_removed_and_the_counts_stay(ledger: Ledger) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 4, Status.FAILED: 1}), days=61)
    ledger.query('UPDATE messages SET details = \'{"subject": "Hello"}\'')

    assert redact(ledger) == 1

    found = read(ledger, church, message)
    assert (found.content, found.details, found.redacted_at is not None) == ("", {}, True)
    assert ledger.query("SELECT target FROM messages") == [({},)]
    assert ledger.query("SELECT DISTINCT address, time_zones FROM deliveries") == [(None, None)]
    with church_scope(ledger.database, church) as connection:
        counts = messages.counts(connection, message.message_id)
    assert (counts[Status.DELIVERED], counts[Status.FAILED], sum(counts.values())) == (4, 1, 5)


def test_the_text_goes_after_the_last_address(ledger: Ledger) -> None:
    """So that a message whose text is gone has no address left, wherever the job was killed."""
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 3}), days=61)

    with system_scope(ledger.database) as connection:
        assert retention.redact_deliveries(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=2) == 2
        assert retention.redact_messages(connection, kept_days=KEPT_DAYS, doubts=NO_DOUBTS, limit=2) == 0

    assert read(ledger, church, message).content != ""


@pytest.mark.parametrize(
    "change",
    ["UPDATE messages SET settled_at = NULL", "UPDATE messages SET settled_at = now() - interval '59 days'"],
)
def test_what_is_not_settled_for_long_stays(ledger: Ledger, change: str) -> None:
    church = ledger.church()
    message = age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=61)
    ledger.query(change)

    assert redact(ledger) == 0

    assert read(ledger, church, message).content != ""
    assert ledger.query("SELECT count(*) FROM deliveries WHERE address IS NULL") == [(0,)]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING, Status.UNKNOWN])
def test_an_open_delivery_keeps_its_address_and_its_text(ledger: Ledger, status: Status) -> None:
    church = ledger.church()
    age(ledger, message_with(ledger, church, {status: 1, Status.DELIVERED: 1}), days=61)

    redact(ledger)

    assert ledger.query("SELECT content <> '' FROM messages") == [(True,)]
    assert ledger.query("SELECT address IS NULL FROM deliveries WHERE status = 'delivered'") in ([(True,)], [(False,)])
    assert ledger.query("SELECT count(*) FROM deliveries WHERE status <> 'delivered' AND address IS NULL") == [(0,)]


def test_a_late_failure_does_not_queue_a_delivery_without_an_address(ledger: Ledger) -> None:
    church = ledger.church()
    age(ledger, message_with(ledger, church, {Status.SENT: 1}), days=61)
    redact(ledger)
    ledger.query("UPDATE messages SET resumed_at = now()")  # so that its age does not prevent a retry
    [(delivery_id, carrier_id)] = ledger.query("SELECT delivery_id, carrier_id FROM deliveries")

    ledger.receive(delivery_id, Status.UNDELIVERED, carrier_id=carrier_id, error_code="30003")
    assert ledger.apply(retryable_codes={"30003": 60.0}) == 1

    assert ledger.query("SELECT status::text FROM deliveries") == [("undelivered",)]


def test_a_redacted_delivery_that_loses_its_carrier_id_keeps_its_status(ledger: Ledger) -> None:
    church = ledger.church()
    age(ledger, message_with(ledger, church, {Status.DELIVERED: 1}), days=61)
    redact(ledger)
    [(carrier_id,)] = ledger.query("SELECT carrier_id FROM deliveries")

    with system_scope(ledger.database) as connection:
        reconciliation.put_holders_in_doubt(connection, [carrier_id])

    assert ledger.query("SELECT status::text, carrier_id FROM deliveries") == [("delivered", None)]
