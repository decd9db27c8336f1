"""Places that churches share, of which one church may hold only a few: whatever it keeps busy, others find room."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


class NoPlace(Exception):
    """Nothing is free now. `own_share` tells whether the church itself holds all that it may."""

    def __init__(self, *, own_share: bool) -> None:
        super().__init__("no place is free")
        self.own_share = own_share


class ChurchPlaces:
    """`total` places for all churches together, at most `share` of them for one church. Threads may share it."""

    def __init__(self, *, total: int, share: int) -> None:
        self._total = total
        self._share = share
        self._lock = threading.Lock()
        self._held: Counter[UUID] = Counter()

    @contextmanager
    def hold(self, church_id: UUID) -> Generator[None]:
        """Hold a place during the block. Raises NoPlace at once when none is free: nobody waits."""
        with self._lock:
            if self._held[church_id] >= self._share:
                raise NoPlace(own_share=True)
            if self._held.total() >= self._total:
                raise NoPlace(own_share=False)
            self._held[church_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[church_id] -= 1
                self._held = +self._held  # forgets churches that hold nothing


class ChurchThreads:
    """`total` threads for calls that block and cannot be stopped, at most `share` of them for one church.

    A church's further calls wait for its own, also for those whose caller has given up: the thread stays busy until the
    call returns.
    """

    def __init__(self, *, total: int, share: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(total, thread_name_prefix=name)
        self._share = share
        self._lock = threading.Lock()
        self._running: Counter[UUID] = Counter()
        self._waiting: defaultdict[UUID, deque[Callable[[], None]]] = defaultdict(deque)

    def submit(self, church_id: UUID, function: Callable[[str], T], argument: str) -> Future[T]:
        """Call the function when one of the church's threads is free. A call that has not begun can be canceled."""
        future: Future[T] = Future()

        def call() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(argument))
                except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
                    future.set_exception(error)
            self._go_on(church_id)

        with self._lock:
            if self._running[church_id] >= self._share:
                self._waiting[church_id].append(call)
                return future
            self._running[church_id] += 1
        self._executor.submit(call)
        return future

    def _go_on(self, church_id: UUID) -> None:
        """Give the thread that a call has left to the church's next call."""
        with self._lock:
            if waiting := self._waiting.get(church_id):
                self._executor.submit(waiting.popleft())
                return
            self._waiting.pop(church_id, None)
            self._running[church_id] -= 1
            self._running = +self._running
