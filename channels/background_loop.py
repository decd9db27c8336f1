"""An event loop in a thread of its own, so that connections stay warm between turns."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

SLICE = 100
"""Results handed on together, at the most."""
SLICE_WAIT_SECONDS = 0.02
"""How long a slice waits for company: recording one by one costs twenty times as much."""


class BackgroundLoop:
    """Runs coroutines for callers that are not asynchronous. To be made after a fork, never before."""

    def __init__(self, name: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start the coroutine and return at once."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine and wait for what it returns or raises."""
        return self.submit(coroutine).result()

    def stream(self, coroutines: Iterable[Coroutine[Any, Any, T]]) -> Iterator[list[T]]:
        """Run them all at once; yield what they return in slices, as it comes in. Raises what one of them raises."""
        arrived: queue.SimpleQueue[Future[T]] = queue.SimpleQueue()
        missing = 0
        for coroutine in coroutines:
            self.submit(coroutine).add_done_callback(arrived.put)
            missing += 1
        while missing:
            done = next_slice(arrived, at_most=min(SLICE, missing))
            missing -= len(done)
            yield [each.result() for each in done]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


def next_slice(arrived: queue.SimpleQueue[T], *, at_most: int) -> list[T]:
    """What has arrived, at least one: waits for the first, and a moment for company."""
    results = [arrived.get()]
    try:
        while len(results) < at_most:
            results.append(arrived.get(timeout=SLICE_WAIT_SECONDS))
    except queue.Empty:
        pass
    return results
