"""Collects results from many threads and writes them in sets from one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from psycopg import OperationalError

import logs

log = logs.get_logger(__name__)

SLICE = 500
"""The most results that are written together."""
SLICE_WAIT_SECONDS = 0.02
"""How long a slice waits for more results. Writing each result by itself costs twenty times as much."""
RETRY_SECONDS = 0.5
"""The pause between attempts to write while PostgreSQL is not available."""

T = TypeVar("T")


class Recorder(Generic[T]):
    """A thread that takes results in slices: it first passes each slice to `on_slice`, then to `write`.

    The thread is its owner's timer, too: it calls `on_slice` when `seconds_to_wake()` are over, or later while a write
    is repeated. A write that raises psycopg.OperationalError is repeated until it succeeds or a stop is requested,
    because the results exist only in this process. A slice that cannot be written for another reason is logged and
    dropped; its deliveries are in doubt when their lease expires.
    """

    def __init__(
        self,
        name: str,
        *,
        write: Callable[[Sequence[T]], None],
        on_slice: Callable[[Sequence[T]], None],
        seconds_to_wake: Callable[[], float | None],
        stopping: threading.Event,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`on_slice` is also called with an empty slice, `seconds_to_wake()` after the last one at the latest."""
        self._name = name
        self._write = write
        self._on_slice = on_slice
        self._seconds_to_wake = seconds_to_wake
        self._stopping = stopping
        self._retry_seconds = retry_seconds
        self._received: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        """None only wakes the thread."""
        self._pending = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name} recorder", daemon=True)
        self._thread.start()

    def expect(self, count: int) -> None:
        """Announce results. Call it before the first of them can be added."""
        with self._changed:
            self._pending += count

    def add(self, result: T) -> None:
        """Add one of the announced results, from any thread."""
        self._received.put(result)

    def wake(self) -> None:
        """Make the thread call `seconds_to_wake` again."""
        self._received.put(None)

    def wait_until_idle(self) -> None:
        """Wait until every announced result was added, and was written or dropped."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending)

    def close(self) -> None:
        """Wait until it is idle, then end the thread."""
        self.wait_until_idle()
        self._closed = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            results = self._next_slice()
            try:
                self._on_slice(results)
                if results:
                    self._write_with_retries(results)
            except Exception:  # the thread must not end: later results can be written
                log.exception("results cannot be recorded", recorder=self._name, results=len(results))
            finally:
                with self._changed:
                    self._pending -= len(results)
                    self._changed.notify_all()

    def _next_slice(self) -> list[T]:
        """The results that came in within a short time of each other; empty when the thread was only woken."""
        results: list[T] = []
        try:
            result = self._received.get(timeout=self._seconds_to_wake())
            until = time.monotonic() + SLICE_WAIT_SECONDS
            while result is not None:
                results.append(result)
                if len(results) == SLICE:
                    break
                result = self._received.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            pass
        return results

    def _write_with_retries(self, results: Sequence[T]) -> None:
        """Raises psycopg.OperationalError only after a stop was requested."""
        while True:
            try:
                return self._write(results)
            except OperationalError as error:
                if self._stopping.is_set():
                    raise
                log.warning("results cannot be recorded yet: PostgreSQL is not available", error=type(error).__name__)
                self._stopping.wait(self._retry_seconds)
