"""Writes items in sets: what arrives while one set is being written forms the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")
OnWritten = Callable[[Exception | None], None]
"""Called once on the event loop: with None once the item is committed, otherwise with what the write raised."""


class WriteTimeout(Exception):
    """The set was not written in time. It may still be."""


class TooManyWaiting(Exception):
    """No more items are accepted until a set has been written."""


class _Set(Generic[T]):
    """Items that are written together."""

    __slots__ = ("callbacks", "items", "timer")

    def __init__(self) -> None:
        self.items: list[T] = []
        self.callbacks: list[OnWritten] = []
        self.timer: asyncio.TimerHandle | None = None

    def answer(self, error: Exception | None) -> None:
        """Call back for every item, unless that was done before."""
        callbacks, self.callbacks = self.callbacks, []
        if self.timer is not None:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        for callback in callbacks:
            loop.call_soon(callback, error)  # one that raises does not affect the others


class SetWriter(Generic[T]):
    """Used on one event loop; a thread of its own runs the writes, one at a time."""

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        after_write: Callable[[], object],
        most_waiting: int,
        timeout_seconds: float,
        pause_seconds: float,
        name: str,
    ) -> None:
        """`after_write` is called once for each committed set, in the thread, when its items are already answered.

        `timeout_seconds` is how long a set may take, from its first item to its commit.

        At least `pause_seconds` lie between the starts of two writes: a transaction costs far more than an item in it.
        """
        self._write = write
        self._after_write = after_write
        self._most_waiting = most_waiting
        self._timeout_seconds = timeout_seconds
        self._pause_seconds = pause_seconds
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._next: _Set[T] | None = None
        self._is_busy = False
        """Whether a set is being written or about to be."""
        self._not_before = 0.0
        self.waiting = 0
        """Items in memory: those that are collected, and those that are being written."""

    def put(self, item: T, on_written: OnWritten) -> None:
        """Write the item with the next set. Raises TooManyWaiting."""
        if self.waiting >= self._most_waiting:
            raise TooManyWaiting
        if self._next is None:
            self._next = self._new_set()
        self._next.items.append(item)
        self._next.callbacks.append(on_written)
        self.waiting += 1

    def _new_set(self) -> _Set[T]:
        new: _Set[T] = _Set()
        new.timer = asyncio.get_running_loop().call_later(self._timeout_seconds, self._expire, new)
        if not self._is_busy:
            self._schedule()
        return new

    def _schedule(self) -> None:
        self._is_busy = True
        # Not at once even when there is no pause: what the loop has received meanwhile belongs to the same set.
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, self._not_before - loop.time()), self._begin)

    def _begin(self) -> None:
        group, self._next = self._next, None
        if group is None:  # it has expired
            self._is_busy = False
            return
        loop = asyncio.get_running_loop()
        self._not_before = loop.time() + self._pause_seconds
        self._pool.submit(self._run, loop, group)

    def _run(self, loop: asyncio.AbstractEventLoop, group: _Set[T]) -> None:
        error = None
        try:
            self._write(group.items)
        except Exception as raised:  # noqa: BLE001 - each item's callback gets it
            error = raised
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._written, group, error)
        if error is None:
            self._after_write()

    def _written(self, group: _Set[T], error: Exception | None) -> None:
        self.waiting -= len(group.items)
        group.answer(error)
        if self._next is None:
            self._is_busy = False
        else:
            self._schedule()

    def _expire(self, group: _Set[T]) -> None:
        if group is self._next:  # otherwise it is being written, and stays in memory until that ends
            self._next = None
            self.waiting -= len(group.items)
        group.answer(WriteTimeout())
