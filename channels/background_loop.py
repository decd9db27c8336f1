"""An event loop in a background thread, so that connections stay open between batches."""

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
"""The most results that are yielded together."""
SLICE_WAIT_SECONDS = 0.02
"""How long a slice waits for more results. Storing each result by itself costs twenty times as much."""


class BackgroundLoop:
    """Runs coroutines for synchronous callers. Create it after a fork, never before."""

    def __init__(self, name: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._started: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start the coroutine and return at once."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine; return its result or raise its exception."""
        return self.submit(coroutine).result()

    def start(self, coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Start all coroutines with one call to the loop's thread, and return at once. They must not raise."""
        self._loop.call_soon_threadsafe(self._start, coroutines)

    def stream(self, coroutines: Iterable[Coroutine[Any, Any, T]]) -> Iterator[list[T]]:
        """Run all coroutines at once; yield their results in slices as they come in. Raises what one of them raises."""
        arrived: queue.SimpleQueue[Future[T]] = queue.SimpleQueue()
        missing = 0
        for coroutine in coroutines:
            self.submit(coroutine).add_done_callback(arrived.put)
            missing += 1
        while missing:
            done = _next_slice(arrived, at_most=min(SLICE, missing))
            missing -= len(done)
            yield [each.result() for each in done]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _start(self, coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
        for coroutine in coroutines:
            task = self._loop.create_task(coroutine)
            self._started.add(task)  # the loop keeps only weak references to tasks
            task.add_done_callback(self._started.discard)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


def _next_slice(arrived: queue.SimpleQueue[T], *, at_most: int) -> list[T]:
    results = [arrived.get()]
    try:
        while len(results) < at_most:
            results.append(arrived.get(timeout=SLICE_WAIT_SECONDS))
    except queue.Empty:
        pass
    return results
