"""Who waits for a turn is called in order, once, when there is room and its time has come."""

from __future__ import annotations

import time
from uuid import uuid4

from jobs.sending.deferred_claims import DeferredClaims

A, B, C = uuid4(), uuid4(), uuid4()


def test_first_come_first_served_and_nobody_twice() -> None:
    turns = DeferredClaims()
    for church in (B, A, B, C):
        turns.add(church)

    assert turns.take(lambda _: True) == [B, A, C]
    assert turns.take(lambda _: True) == []


def test_whoever_finds_no_room_goes_on_waiting_and_holds_up_nobody() -> None:
    turns = DeferredClaims()
    turns.add(A)
    turns.add(B)

    assert turns.take(lambda church: church == B) == [B]
    assert turns.take(lambda _: True) == [A]


def test_a_time_that_has_not_come_is_waited_for() -> None:
    turns = DeferredClaims()
    turns.add(A, after_seconds=0.1)
    turns.add(B, after_seconds=60)

    assert turns.take(lambda _: True) == []
    wait = turns.seconds_to_next()
    assert wait is not None
    assert 0 < wait <= 0.1
    time.sleep(wait)
    assert turns.take(lambda _: True) == [A]
    assert turns.take(lambda _: True) == []


def test_without_times_there_is_nothing_to_wait_for() -> None:
    turns = DeferredClaims()
    turns.add(A)

    assert turns.seconds_to_next() is None
