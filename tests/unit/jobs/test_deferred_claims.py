"""Churches wait in order, each once, for free slots or for a time."""

from __future__ import annotations

from uuid import uuid4

from jobs.sending.deferred_claims import DeferredClaims

A, B, C = uuid4(), uuid4(), uuid4()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_churches_are_taken_in_order_and_each_once() -> None:
    claims = DeferredClaims()
    for church_id in (B, A, B, C):
        claims.add(church_id)

    assert claims.take_ready(lambda _: True) == [B, A, C]
    assert claims.take_ready(lambda _: True) == []


def test_a_church_without_free_slots_keeps_waiting_and_does_not_delay_others() -> None:
    claims = DeferredClaims()
    claims.add(A)
    claims.add(B)

    assert claims.take_ready(lambda church_id: church_id == B) == [B]
    assert claims.take_ready(lambda _: True) == [A]


def test_the_paced_churches_are_ready_once_when_their_time_has_come() -> None:
    clock = Clock()
    claims = DeferredClaims(clock)
    assert claims.seconds_to_paced() is None
    assert not claims.take_paced()

    claims.set_paced(after_seconds=0.5)
    assert claims.seconds_to_paced() == 0.5
    assert not claims.take_paced()

    clock.now += 1
    assert claims.seconds_to_paced() == 0
    assert claims.take_paced()
    assert not claims.take_paced()
    assert claims.seconds_to_paced() is None


def test_the_paced_churches_wait_for_the_earliest_time_that_was_set() -> None:
    clock = Clock()
    claims = DeferredClaims(clock)
    claims.set_paced(after_seconds=5)
    claims.set_paced(after_seconds=1)
    claims.set_paced(after_seconds=3)

    assert claims.seconds_to_paced() == 1
