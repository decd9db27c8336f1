"""Concurrent writes are grouped, and each caller gets the result of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.group_commit import GroupCommit, WriteTimeout
from tests.harness.waiting import wait_until

CALLERS = 12


class Ledger:
    """Records the writes; the first one waits until `go_on` is set."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go_on = threading.Event()

    def write(self, things: Sequence[int]) -> None:
        first = not self.groups
        self.groups.append(list(things))
        if first:
            assert self.go_on.wait(timeout=60)
        if 13 in things:
            raise ValueError("thirteen")


def test_items_that_arrive_during_a_write_are_written_together_by_the_next() -> None:
    ledger = Ledger()
    commit = GroupCommit(ledger.write, timeout_seconds=60)
    with ThreadPoolExecutor(CALLERS) as pool:
        puts = [pool.submit(commit.put, 0)]
        wait_until(lambda: bool(ledger.groups))
        puts += [pool.submit(commit.put, number) for number in range(1, CALLERS)]
        wait_until(lambda: len(commit._waiting) == CALLERS - 1)  # pyright: ignore[reportPrivateUsage]
        ledger.go_on.set()
        for put in puts:
            put.result(timeout=60)

    assert [sorted(group) for group in ledger.groups] == [[0], list(range(1, CALLERS))]


def test_a_failed_write_raises_for_its_group_and_the_next_group_is_written() -> None:
    ledger = Ledger()
    ledger.go_on.set()
    commit = GroupCommit(ledger.write, timeout_seconds=60)

    with pytest.raises(ValueError, match="thirteen"):
        commit.put(13)
    commit.put(1)

    assert ledger.groups == [[13], [1]]


def test_every_item_is_written_exactly_once() -> None:
    written: list[int] = []
    commit: GroupCommit[int] = GroupCommit(written.extend, timeout_seconds=60)

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(commit.put, range(3000)))

    assert sorted(written) == list(range(3000))


def test_callers_behind_a_hanging_write_time_out_and_later_ones_are_written() -> None:
    ledger = Ledger()
    commit = GroupCommit(ledger.write, timeout_seconds=0.2)
    with ThreadPoolExecutor(CALLERS) as pool:
        hung = pool.submit(commit.put, 0)
        wait_until(lambda: bool(ledger.groups))
        for follower in [pool.submit(commit.put, number) for number in range(1, CALLERS)]:
            with pytest.raises(WriteTimeout):
                follower.result(timeout=60)
        ledger.go_on.set()
        hung.result(timeout=60)

    commit.put(99)

    assert ledger.groups == [[0], [99]]
