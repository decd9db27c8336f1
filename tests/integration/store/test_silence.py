"""What the carrier accepted and never spoke of again is asked after, less and less often, and at last let be."""

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
def silent(ledger: Ledger, church_id: UUID) -> Message:
    """A completed message, accepted just now."""
    message = ledger.send(church_id, numbers(1))
    ledger.record(sent(ledger.claim(church_id)))
    ledger.complete(church_id)
    return message


def pass_time(ledger: Ledger, seconds: float) -> None:
    passed = timedelta(seconds=seconds)
    ledger.query("UPDATE messages SET completed_at = completed_at - %(passed)s", passed=passed)
    ledger.query(
        "UPDATE deliveries SET updated_at = updated_at - %(passed)s, due_at = due_at - %(passed)s", passed=passed
    )


def take(ledger: Ledger) -> list[reconciliation.AwaitingReceipt]:
    with system_scope(ledger.database) as connection:
        return reconciliation.claim_awaiting_receipts(connection, channel="sms", limit=10, after_seconds=AFTER_SECONDS)


def settle(ledger: Ledger) -> int:
    with system_scope(ledger.database) as connection:
        return message_lifecycle.settle(connection, give_up_seconds=GIVE_UP_SECONDS)


def test_it_is_asked_after_once_it_was_silent_long_enough(ledger: Ledger, silent: Message) -> None:
    pass_time(ledger, AFTER_SECONDS - 10)
    assert take(ledger) == []
    pass_time(ledger, 20)

    [asked] = take(ledger)

    assert (asked.attempt, asked.carrier_id) == (1, f"SM{asked.delivery_id.hex}")
    assert take(ledger) == [], "not twice at once"


def test_the_older_the_less_often(ledger: Ledger, silent: Message) -> None:
    asked_at = [0.0]
    for _ in range(600):
        pass_time(ledger, 300)
        asked_at[-1] += 300
        if take(ledger):
            asked_at.append(asked_at[-1])

    gaps = [after - before for before, after in pairwise(asked_at[:-1])]
    assert asked_at[0] == AFTER_SECONDS
    assert gaps == sorted(gaps)
    assert 6 <= len(gaps) + 1 <= 9, "doubling from a quarter of an hour to two days"


@pytest.mark.parametrize("stands", [status for status in Status if status is not Status.SENT])
def test_only_what_was_accepted_and_has_no_end_is_asked_after(ledger: Ledger, silent: Message, stands: Status) -> None:
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.put(delivery, stands)
    pass_time(ledger, 1e5)

    assert take(ledger) == []


@pytest.mark.parametrize("stands", list(Status))
def test_a_message_is_settled_when_every_delivery_has_its_end(ledger: Ledger, silent: Message, stands: Status) -> None:
    [(delivery,)] = ledger.query("SELECT delivery_id FROM deliveries")
    ledger.put(delivery, stands)
    ended = stands not in (Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SENT)

    assert [settle(ledger), settle(ledger)] == [int(ended), 0]


def test_after_too_long_it_is_let_be(ledger: Ledger, silent: Message) -> None:
    pass_time(ledger, GIVE_UP_SECONDS - 10)
    assert settle(ledger) == 0
    pass_time(ledger, 20)

    assert settle(ledger) == 1
    assert take(ledger) == []


def test_what_is_under_way_is_not_settled(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(1))

    assert settle(ledger) == 0
