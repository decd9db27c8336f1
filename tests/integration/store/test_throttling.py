"""Throttling: a sender pauses after "too many requests", longer each time in a row."""

from __future__ import annotations

from uuid import UUID

import pytest

from store import senders
from store.database import system_scope
from tests.integration.store.ledger import Ledger, numbers, together


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    return ledger.church()


def throttle(ledger: Ledger, church_id: UUID, at_least_seconds: float = 0.0) -> float:
    """Throttles the sender and returns the length of the pause in seconds."""
    with system_scope(ledger.database) as connection:
        senders.throttle(connection, church_id=church_id, channel="sms", at_least_seconds=at_least_seconds)
    [(seconds,)] = ledger.query(
        "SELECT extract(epoch FROM slowed_until - now())::float FROM senders WHERE church_id = %(church_id)s",
        church_id=church_id,
    )
    return seconds


def end_pause(ledger: Ledger) -> None:
    ledger.query("UPDATE senders SET slowed_until = now() - interval '1 ms'")


def reset(ledger: Ledger, church_id: UUID) -> None:
    with system_scope(ledger.database) as connection:
        senders.reset_throttle(connection, church_ids=[church_id], channel="sms")


def test_consecutive_throttles_double_the_pause_up_to_a_minute(ledger: Ledger, church_id: UUID) -> None:
    for longest in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert longest / 2 - 0.5 < throttle(ledger, church_id) <= longest
        end_pause(ledger)


def test_the_pause_stays_at_a_minute_after_many_throttles(ledger: Ledger, church_id: UUID) -> None:
    ledger.query("UPDATE senders SET slowdowns = 100")

    assert 29 < throttle(ledger, church_id) <= 60
    assert ledger.query("SELECT slowdowns FROM senders") == [(100,)]


@pytest.mark.parametrize("requested_seconds", [5.0, 90.0, 3600.0])
def test_the_pause_is_at_least_what_the_carrier_asks_for(
    ledger: Ledger, church_id: UUID, requested_seconds: float
) -> None:
    assert requested_seconds - 0.5 < throttle(ledger, church_id, requested_seconds) <= requested_seconds


def test_concurrent_refusals_count_as_one_throttle(ledger: Ledger, church_id: UUID) -> None:
    together(8, lambda _: throttle(ledger, church_id))

    assert ledger.query("SELECT slowdowns FROM senders") == [(1,)]
    assert throttle(ledger, church_id) <= 1


def test_a_longer_pause_asked_for_during_a_pause_is_used(ledger: Ledger, church_id: UUID) -> None:
    throttle(ledger, church_id)

    assert 29 < throttle(ledger, church_id, 30.0) <= 30
    assert 29 < throttle(ledger, church_id, 5.0) <= 30, "a shorter one is ignored"
    assert ledger.query("SELECT slowdowns FROM senders") == [(1,)]


def test_nothing_is_claimed_for_a_throttled_sender_until_the_pause_ends(ledger: Ledger, church_id: UUID) -> None:
    other = ledger.church()
    for each in (church_id, other):
        ledger.send(each, numbers(2))
    throttle(ledger, church_id)

    assert ledger.due_churches() == [(other, "sms")]
    assert (ledger.claim(church_id).taken, ledger.claim(other).taken) == (0, 2)

    end_pause(ledger)
    assert ledger.due_churches() == [(church_id, "sms")]
    assert ledger.claim(church_id).taken == 2


def test_after_a_success_the_next_throttle_is_short(ledger: Ledger, church_id: UUID) -> None:
    for _ in range(4):
        throttle(ledger, church_id)
        end_pause(ledger)

    reset(ledger, church_id)

    assert throttle(ledger, church_id) <= 1


def test_a_success_during_the_pause_does_not_end_it(ledger: Ledger, church_id: UUID) -> None:
    for _ in range(3):
        end_pause(ledger)
        throttle(ledger, church_id)

    reset(ledger, church_id)

    assert ledger.query("SELECT slowdowns, slowed_until > now() FROM senders") == [(3, True)]
