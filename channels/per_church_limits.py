"""Slots and threads that churches share, with a limit for each church, so that one church cannot occupy all."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


class NoFreeSlot(Exception):
    """No slot is free now. With `own`, the church itself holds as many as it may."""

    def __init__(self, *, own: bool) -> None:
        super().__init__("no slot is free")
        self.own = own


class ChurchSlots:
    """`total` slots for all churches, at most `per_church` of them for one church. Threads may share it."""

    def __init__(self, *, total: int, per_church: int) -> None:
        self._total = total
        self._per_church = per_church
        self._lock = threading.Lock()
        self._held: Counter[UUID] = Counter()

    @contextmanager
    def hold(self, church_id: UUID) -> Generator[None]:
        """Hold a slot during the block. Raises NoFreeSlot at once when none is free."""
        with self._lock:
            if self._held[church_id] >= self._per_church:
                raise NoFreeSlot(own=True)
            if self._held.total() >= self._total:
                raise NoFreeSlot(own=False)
            self._held[church_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[church_id] -= 1
                self._held = +self._held  # removes churches that hold no slot


class ChurchThreadPool:
    """`total` threads for calls that block and cannot be stopped, at most `per_church` of them for one church.

    Further calls of a church wait until its earlier calls return, even if the callers no longer wait for the results.
    """

    def __init__(self, *, total: int, per_church: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(total, thread_name_prefix=name)
        self._per_church = per_church
        self._lock = threading.Lock()
        self._running: Counter[UUID] = Counter()
        self._waiting: defaultdict[UUID, deque[Callable[[], None]]] = defaultdict(deque)

    def submit(self, church_id: UUID, function: Callable[[str], T], argument: str) -> Future[T]:
        """Call the function when one of the church's threads is free. A call that has not started can be canceled."""
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(argument))
                except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                    future.set_exception(error)
            self._start_next(church_id)

        with self._lock:
            if self._running[church_id] >= self._per_church:
                self._waiting[church_id].append(call)
                return future
            self._running[church_id] += 1
        self._executor.submit(call)
        return future

    def _start_next(self, church_id: UUID) -> None:
        """Start the church's next call, now that one has ended."""
        with self._lock:
            if waiting := self._waiting.get(church_id):
                self._executor.submit(waiting.popleft())
                return
            self._waiting.pop(church_id, None)
            self._running[church_id] -= 1
            self._running = +self._running
