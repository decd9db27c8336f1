"""Calls that end within a time, whatever the other side does: name resolution, for one, has no timeout of its own.

Each call runs in its own thread. One that exceeds its time is abandoned, and no other of the same name begins until it
has ended, so that a server that stands still holds one thread and not more and more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

T = TypeVar("T")


class CallTimedOut(Exception):
    """The call did not end in time, or an earlier one of the same name has not ended yet."""


class BoundedCalls:
    """For one thread that makes the calls."""

    def __init__(self) -> None:
        self._running: dict[str, Future[Any]] = {}

    def call(self, name: str, function: Callable[[], T], *, seconds: float) -> T:
        """Return the function's result, or raise what it raises. Raises CallTimedOut."""
        future = self.start(name, function)
        try:
            return future.result(timeout=seconds)
        except FutureTimeoutError:
            if future.done():  # the function itself raised a TimeoutError
                raise
            raise CallTimedOut(f"{name}: no answer within {seconds:g} s") from None

    def start(self, name: str, function: Callable[[], T]) -> Future[T]:
        """Start the function in a thread, and return its future result. Raises CallTimedOut."""
        if not self.is_free(name):
            raise CallTimedOut(f"{name}: the call before has not ended yet")
        future: Future[T] = Future()
        self._running[name] = future
        threading.Thread(target=_run, args=(future, function), name=f"watcher: {name}", daemon=True).start()
        return future

    def is_free(self, name: str) -> bool:
        """Whether no call of this name is running."""
        running = self._running.get(name)
        return running is None or running.done()


def _run(future: Future[T], function: Callable[[], T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised again by future.result()
        future.set_exception(error)
