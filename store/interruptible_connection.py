"""Connections on which the client can end the wait for a response. libpq alone waits without a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from psycopg import Connection, Error
from psycopg.abc import RV, PQGen

from store.errors import ServerUnresponsive, StatementUnresponsive

_CANCEL_SECONDS = 1.0


class WaitTime:
    """Seconds spent waiting for PostgreSQL, summed over the operations that share it."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


_shared_wait_time: ContextVar[WaitTime | None] = ContextVar("time spent waiting for PostgreSQL", default=None)


@contextmanager
def shared_wait() -> Generator[None]:
    """Sums all waiting inside the block, for a caller that waits for all of it."""
    token = _shared_wait_time.set(WaitTime())
    try:
        yield
    finally:
        _shared_wait_time.reset(token)


@contextmanager
def add_to_shared_wait() -> Generator[WaitTime]:
    """Yields the time spent so far inside the surrounding shared_wait(), and adds the time of this block at its end."""
    spent, began = _shared_wait_time.get() or WaitTime(), time.monotonic()
    try:
        yield spent
    finally:
        spent.seconds += time.monotonic() - began


class InterruptibleConnection(Connection[tuple[Any, ...]]):
    """Calls `check_while_waiting` several times a second while it waits for a response.

    The arguments are the connection, the seconds waited for this response, and the seconds spent before inside
    shared_wait(). It raises ServerUnresponsive to end the wait. The connection is then closed, because it is unknown
    what the server does with the statement.
    """

    check_while_waiting: Callable[[InterruptibleConnection, float, float], None] | None = None
    longest_wait_seconds: float = float("inf")
    """For one response."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        # Runs three times in every transaction. Does not use add_to_shared_wait(), which would double its cost.
        spent, began = _shared_wait_time.get(), time.monotonic()
        try:
            return super().wait(self._checked(gen, began, 0.0 if spent is None else spent.seconds), interval, timeout)
        except ServerUnresponsive as error:
            if isinstance(error, StatementUnresponsive):
                with suppress(Error):
                    self.cancel_safe(timeout=_CANCEL_SECONDS)  # otherwise the statement would go on without a client
            self.pgconn.finish()
            raise
        finally:
            if spent is not None:
                spent.seconds += time.monotonic() - began

    def _checked(self, gen: PQGen[RV], began: float, spent_seconds: float) -> PQGen[RV]:
        """Wraps the generator. Psycopg resumes it with nothing ready whenever its interval has passed."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.check_while_waiting is not None:
                    self.check_while_waiting(self, time.monotonic() - began, spent_seconds)
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
