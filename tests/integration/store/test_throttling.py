"""A sender that was told "too many requests" rests, longer each time in a row, and recovers."""

from __future__ import annotations

from uuid import UUID

import pytest

from store import churches
from store.database import system_scope
from tests.integration.store.ledger import Ledger, numbers, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def slow(ledger: Ledger, church_id: UUID, at_least_seconds: float = 0.0) -> float:
    """Slow the sender; how many seconds it rests from now on."""
    with system_scope(ledger.database) as connection:
        churches.throttle_sender(connection, church_id=church_id, channel="sms", at_least_seconds=at_least_seconds)
    [(seconds,)] = ledger.query(
        "SELECT extract(epoch FROM slowed_until - now())::float FROM senders WHERE church_id = %(church_id)s",
        church_id=church_id,
    )
    return seconds


def rest(ledger: Ledger) -> None:
    ledger.query("UPDATE senders SET slowed_until = now() - interval '1 ms'")


def quicken(ledger: Ledger, church_id: UUID) -> None:
    with system_scope(ledger.database) as connection:
        churches.reset_throttle(connection, church_ids=[church_id], channel="sms")


def test_each_slowing_in_a_row_doubles_the_rest_up_to_a_minute(ledger: Ledger, church_id: UUID) -> None:
    for longest in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert longest / 2 - 0.5 < slow(ledger, church_id) <= longest
        rest(ledger)


def test_a_long_row_stays_at_a_minute(ledger: Ledger, church_id: UUID) -> None:
    ledger.query("UPDATE senders SET slowdowns = 100")

    assert 29 < slow(ledger, church_id) <= 60
    assert ledger.query("SELECT slowdowns FROM senders") == [(100,)]


@pytest.mark.parametrize("asked", [5.0, 90.0, 3600.0])
def test_what_the_carrier_asks_for_is_the_least(ledger: Ledger, church_id: UUID, asked: float) -> None:
    assert asked - 0.5 < slow(ledger, church_id, asked) <= asked


def test_one_round_of_refusals_counts_once_however_many_say_so(ledger: Ledger, church_id: UUID) -> None:
    together(8, lambda _: slow(ledger, church_id))

    assert ledger.query("SELECT slowdowns FROM senders") == [(1,)]
    assert slow(ledger, church_id) <= 1


def test_a_longer_rest_asked_for_during_a_rest_is_kept(ledger: Ledger, church_id: UUID) -> None:
    slow(ledger, church_id)

    assert 29 < slow(ledger, church_id, 30.0) <= 30
    assert 29 < slow(ledger, church_id, 5.0) <= 30, "and never a shorter one"
    assert ledger.query("SELECT slowdowns FROM senders") == [(1,)]


def test_a_resting_sender_claims_nothing_and_afterwards_everything(ledger: Ledger, church_id: UUID) -> None:
    other = ledger.church()
    for each in (church_id, other):
        ledger.send(each, numbers(2))
    slow(ledger, church_id)

    assert ledger.due_batches() == [(other, "sms")]
    assert (ledger.claim(church_id).taken, ledger.claim(other).taken) == (0, 2)

    rest(ledger)
    assert ledger.due_batches() == [(church_id, "sms")]
    assert ledger.claim(church_id).taken == 2


def test_after_a_success_the_next_slowing_begins_small(ledger: Ledger, church_id: UUID) -> None:
    for _ in range(4):
        slow(ledger, church_id)
        rest(ledger)

    quicken(ledger, church_id)

    assert slow(ledger, church_id) <= 1


def test_a_success_submitted_before_the_refusal_ends_no_rest(ledger: Ledger, church_id: UUID) -> None:
    for _ in range(3):
        rest(ledger)
        slow(ledger, church_id)

    quicken(ledger, church_id)

    assert ledger.query("SELECT slowdowns, slowed_until > now() FROM senders") == [(3, True)]
