"""No church occupies all slots, and a church with deliveries in flight claims at least a quarter at a time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from jobs.sending.slots import Slots

LARGE, SMALL, OTHER = uuid4(), uuid4(), uuid4()


def release(slots: Slots, count: int) -> None:
    for _ in range(count):
        slots.release(LARGE)


def test_a_church_may_claim_three_quarters_of_the_capacity() -> None:
    assert Slots(100).claimable(LARGE) == 75


def test_the_rest_stays_free_for_other_churches() -> None:
    slots = Slots(100)
    slots.occupy(LARGE, 75)

    assert slots.claimable(LARGE) == 0
    assert slots.claimable(SMALL) == 25


def test_all_churches_together_stay_within_the_capacity() -> None:
    slots = Slots(100)
    slots.occupy(LARGE, 75)
    slots.occupy(SMALL, 25)

    assert slots.claimable(OTHER) == 0


def test_a_church_with_nothing_in_flight_may_claim_a_single_slot() -> None:
    slots = Slots(100)
    slots.occupy(LARGE, 75)
    slots.occupy(SMALL, 24)

    assert slots.claimable(OTHER) == 1


def test_a_church_with_deliveries_in_flight_claims_again_a_quarter_at_a_time() -> None:
    slots = Slots(100)
    slots.occupy(LARGE, 75)

    release(slots, 24)
    assert slots.claimable(LARGE) == 0
    release(slots, 1)
    assert slots.claimable(LARGE) == 25


def test_a_church_has_deliveries_in_flight_until_the_last_is_released() -> None:
    slots = Slots(100)
    assert not slots.has_in_flight(LARGE)

    slots.occupy(LARGE, 2)
    slots.release(LARGE)
    assert slots.has_in_flight(LARGE)
    assert not slots.has_in_flight(SMALL)

    slots.release(LARGE)
    assert not slots.has_in_flight(LARGE)
    assert slots.claimable(LARGE) == 75


def test_several_churches_together_may_claim_all_free_slots() -> None:
    slots = Slots(100)
    assert slots.free() == 100

    slots.occupy(LARGE, 75)
    slots.occupy(SMALL, 24)
    assert slots.free() == 1

    slots.occupy(OTHER, 2)
    assert slots.free() == 0


def test_claimable_puts_nothing_in_flight() -> None:
    slots = Slots(100)
    slots.claimable(LARGE)

    assert not slots.has_in_flight(LARGE)


def test_more_in_flight_than_there_is_capacity_leaves_nothing_to_claim() -> None:
    """Two threads may both find free slots before either occupies them."""
    slots = Slots(4)
    slots.occupy(LARGE, 3)
    slots.occupy(SMALL, 3)

    assert [slots.claimable(church_id) for church_id in (LARGE, SMALL, OTHER)] == [0, 0, 0]


@pytest.mark.parametrize(("capacity", "claimable"), [(1, 1), (2, 1), (3, 2), (4, 3)])
def test_with_a_small_capacity_a_church_may_still_claim(capacity: int, claimable: int) -> None:
    assert Slots(capacity).claimable(LARGE) == claimable
