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


def test_a_church_is_not_ready_before_its_time() -> None:
    clock = Clock()
    claims = DeferredClaims(clock)
    claims.add(B, after_seconds=60)
    claims.add(A, after_seconds=0.5)

    assert claims.take_ready(lambda _: True) == []
    assert claims.seconds_to_next() == 0.5

    clock.now += 0.5
    assert claims.seconds_to_next() == 0
    assert claims.take_ready(lambda _: True) == [A]
    assert claims.seconds_to_next() == 59.5


def test_a_church_whose_time_has_come_waits_for_free_slots_behind_the_others() -> None:
    clock = Clock()
    claims = DeferredClaims(clock)
    claims.add(A, after_seconds=1)
    claims.add(B)
    clock.now += 1

    assert claims.take_ready(lambda _: False) == []
    assert claims.seconds_to_next() is None
    assert claims.take_ready(lambda _: True) == [B, A]


def test_a_church_that_waits_for_slots_and_for_a_time_is_taken_once() -> None:
    clock = Clock()
    claims = DeferredClaims(clock)
    claims.add(A)
    claims.add(A, after_seconds=1)
    clock.now += 1

    assert claims.take_ready(lambda _: True) == [A]
    assert claims.take_ready(lambda _: True) == []


def test_without_times_there_is_no_next_time() -> None:
    claims = DeferredClaims()
    claims.add(A)

    assert claims.seconds_to_next() is None
