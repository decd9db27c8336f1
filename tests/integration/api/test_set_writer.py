"""Items are written in sets, and each gets the result of its own set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from api.channel_routes.set_writer import SetWriter, TooManyWaiting, WriteTimeout

NEVER_SECONDS = 60.0


class Ledger:
    """Records the writes; the first one waits until `go_on` is set."""

    def __init__(self) -> None:
        self.sets: list[list[int]] = []
        self.committed: list[int] = []
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.after_writes = 0

    def write(self, items: Sequence[int]) -> None:
        self.sets.append(list(items))
        self.started.set()
        assert self.go_on.wait(timeout=NEVER_SECONDS)
        if 13 in items:
            raise ValueError("thirteen")
        self.committed += items

    def after_write(self) -> None:
        self.after_writes += 1

    def writer(self, *, most_waiting: int = 1_000, timeout_seconds: float = NEVER_SECONDS) -> SetWriter[int]:
        return SetWriter(
            self.write,
            after_write=self.after_write,
            most_waiting=most_waiting,
            timeout_seconds=timeout_seconds,
            pause_seconds=0.001,
            name="tests",
        )


def put(writer: SetWriter[int], item: int) -> asyncio.Future[Exception | None]:
    written: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    writer.put(item, written.set_result)
    return written


async def begin_write(ledger: Ledger, writer: SetWriter[int], item: int) -> asyncio.Future[Exception | None]:
    """Put an item whose write has begun, and does not end before `go_on` is set."""
    written = put(writer, item)
    assert await asyncio.to_thread(ledger.started.wait, NEVER_SECONDS)
    return written


def on_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_loop
async def test_items_that_arrive_during_a_write_are_written_together_by_the_next() -> None:
    ledger = Ledger()
    writer = ledger.writer()

    written = [await begin_write(ledger, writer, 0), *(put(writer, number) for number in range(1, 12))]
    assert not any(each.done() for each in written)
    ledger.go_on.set()

    assert await asyncio.gather(*written) == [None] * 12
    assert ledger.sets == [[0], list(range(1, 12))]
    assert writer.waiting == 0


@on_loop
async def test_an_item_is_answered_only_when_its_own_set_is_committed() -> None:
    ledger = Ledger()
    writer = ledger.writer()
    first = await begin_write(ledger, writer, 0)
    seen: list[list[int]] = []
    answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_written(_: Exception | None) -> None:
        seen.append(list(ledger.committed))
        answered.set_result(None)

    writer.put(1, on_written)
    ledger.go_on.set()
    await asyncio.gather(first, answered)

    assert seen == [[0, 1]]


@on_loop
async def test_a_failed_write_fails_its_set_alone() -> None:
    ledger = Ledger()
    writer = ledger.writer()
    ledger.go_on.set()

    failed = await asyncio.gather(put(writer, 13), put(writer, 1))
    written = await put(writer, 2)

    assert [type(each) for each in failed] == [ValueError, ValueError]
    assert (written, ledger.committed) == (None, [2])


@on_loop
async def test_the_job_is_enqueued_once_for_each_committed_set() -> None:
    ledger = Ledger()
    writer = ledger.writer()
    ledger.go_on.set()

    await asyncio.gather(*(put(writer, number) for number in range(20, 70)))
    await put(writer, 13)
    await put(writer, 1)
    await put(writer, 2)  # the thread has finished with the sets before

    assert ledger.sets == [list(range(20, 70)), [13], [1], [2]]
    assert ledger.after_writes in (2, 3)  # not for the failed one; perhaps not yet for the last


@on_loop
async def test_items_of_a_slow_write_and_behind_it_time_out_and_later_ones_are_written() -> None:
    ledger = Ledger()
    writer = ledger.writer(timeout_seconds=0.2)
    slow = await begin_write(ledger, writer, 0)
    behind = put(writer, 1)

    timed_out = await asyncio.gather(slow, behind)
    assert [type(each) for each in timed_out] == [WriteTimeout, WriteTimeout]
    assert writer.waiting == 1  # what is being written stays in memory
    ledger.go_on.set()

    written = await put(writer, 2)
    assert written is None
    assert ledger.committed == [0, 2]


@on_loop
async def test_no_more_items_are_accepted_than_may_wait() -> None:
    ledger = Ledger()
    writer = ledger.writer(most_waiting=3)
    written = [await begin_write(ledger, writer, 0), put(writer, 1), put(writer, 2)]

    with pytest.raises(TooManyWaiting):
        put(writer, 3)
    ledger.go_on.set()

    assert await asyncio.gather(*written) == [None, None, None]
    assert await put(writer, 4) is None
    assert ledger.committed == [0, 1, 2, 4]


@on_loop
async def test_a_callback_that_raises_does_not_affect_the_others() -> None:
    ledger = Ledger()
    writer = ledger.writer()
    ledger.go_on.set()
    raised: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))

    def fail(_: Exception | None) -> None:
        raise ValueError("broken")

    writer.put(0, fail)
    assert await put(writer, 1) is None
    assert len(raised) == 1
