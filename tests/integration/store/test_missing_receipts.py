"""The status of accepted deliveries without a final receipt is fetched at growing intervals for a limited time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from messaging.states import Status
from store import message_lifecycle, reconciliation
from store.database import system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, sent

AFTER_SECONDS = 900.0
GIVE_UP_SECONDS = 72 * 3600.0


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


@pytest.fixture
def message_without_receipt(ledger: Ledger, church_id: UUID) -> Message:
    """A completed message whose delivery was just accepted."""
    message = ledger.send(church_id, numbers(1))
    ledger.record(sent(ledger.claim(church_id)))
    ledger.complete(church_id)
    return message


def pass_time(ledger: Ledger, seconds: float) -> None:
    """Move the stored times into the past."""
    passed = timedelta(seconds=seconds)
    ledger.query("UPDATE messages SET completed_at = completed_at - %(passed)s", passed=passed)
    ledger.query(
        "UPDATE deliveries SET updated_at = updated_at - %(passed)s, due_at = due_at - %(passed)s", passed=passed
    )


def claim_awaiting_receipts(ledger: Ledger) -> list[reconciliation.AwaitingReceipt]:
    with system_scope(ledger.database) as connection:
        return reconciliation.claim_awaiting_receipts(connection, channel="sms", limit=10, after_seconds=AFTER_SECONDS)


def set_settled_at(ledger: Ledger) -> int:
    with system_scope(ledger.database) as connection:
        return message_lifecycle.set_settled_at(connection, give_up_seconds=GIVE_UP_SECONDS)


def test_a_status_is_fetched_when_the_delivery_has_waited_for_the_interval(
    ledger: Ledger, message_without_receipt: Message
) -> None:
    pass_time(ledger, AFTER_SECONDS - 10)
    assert claim_awaiting_receipts(ledger) == []
    pass_time(ledger, 20)

    [claimed] = claim_awaiting_receipts(ledger)

    assert (claimed.attempt, claimed.carrier_id) == (1, f"SM{claimed.delivery_id.hex}")
    assert claim_awaiting_receipts(ledger) == [], "not again before the interval has passed"


def test_the_interval_grows_with_the_age_of_the_delivery(ledger: Ledger, message_without_receipt: Message) -> None:
    fetched_at = [0.0]
    for _ in range(200):
        pass_time(ledger, 900)
        fetched_at[-1] += 900
        if claim_awaiting_receipts(ledger):
            fetched_at.append(fetched_at[-1])

    gaps = [after - before for before, after in pairwise(fetched_at[:-1])]
    assert fetched_at[0] == AFTER_SECONDS
    assert gaps == sorted(gaps)
    assert 6 <= len(gaps) + 1 <= 9, "doubling from 15 minutes to two days"


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SENT])
def test_the_status_of_deliveries_that_are_not_sent_is_not_fetched(
    ledger: Ledger, message_without_receipt: Message, status: Status
) -> None:
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.set_status(delivery, status)
    pass_time(ledger, 1e5)

    assert claim_awaiting_receipts(ledger) == []


@pytest.mark.parametrize("status", list(Status))
def test_a_message_is_settled_when_every_delivery_is_final(
    ledger: Ledger, message_without_receipt: Message, status: Status
) -> None:
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.set_status(delivery, status)
    is_final = status not in (Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT)

    assert [set_settled_at(ledger), set_settled_at(ledger)] == [int(is_final), 0]


def test_a_message_is_settled_after_the_give_up_time(ledger: Ledger, message_without_receipt: Message) -> None:
    pass_time(ledger, GIVE_UP_SECONDS - 10)
    assert set_settled_at(ledger) == 0
    pass_time(ledger, 20)

    assert set_settled_at(ledger) == 1
    assert claim_awaiting_receipts(ledger) == []


def test_a_message_with_a_queued_delivery_is_not_settled(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))

    assert set_settled_at(ledger) == 0
