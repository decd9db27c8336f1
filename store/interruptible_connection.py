"""Connections whose waiting can be ended by the client. libpq alone waits for an answer for ever."""

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
    """Seconds spent waiting for PostgreSQL by everything that counts together."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


_counted_together: ContextVar[WaitTime | None] = ContextVar("time spent waiting for PostgreSQL", default=None)


@contextmanager
def shared_wait() -> Generator[None]:
    """All waiting inside the block counts as one, for a caller who waits for all of it."""
    token = _counted_together.set(WaitTime())
    try:
        yield
    finally:
        _counted_together.reset(token)


@contextmanager
def spending() -> Generator[WaitTime]:
    """What was spent before by what counts together with the block; the block's own time is added at its end."""
    spent, began = _counted_together.get() or WaitTime(), time.monotonic()
    try:
        yield spent
    finally:
        spent.seconds += time.monotonic() - began


class InterruptibleConnection(Connection[tuple[Any, ...]]):
    """Calls `check_while_waiting` several times a second while an answer is due.

    It gets the connection, the seconds waited for this answer, and those spent before by what counts together with it.
    It raises ServerUnresponsive to end the wait. The connection is then closed: nobody knows what the server will
    still do with what it was sent.
    """

    check_while_waiting: Callable[[InterruptibleConnection, float, float], None] | None = None
    longest_wait_seconds: float = float("inf")
    """For one answer."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        # Three times in every transaction: so not with spending(), which costs as much again.
        spent, began = _counted_together.get(), time.monotonic()
        try:
            return super().wait(self._checked(gen, began, 0.0 if spent is None else spent.seconds), interval, timeout)
        except ServerUnresponsive as error:
            if isinstance(error, StatementUnresponsive):
                with suppress(Error):
                    self.cancel_safe(timeout=_CANCEL_SECONDS)  # else it would go on without anyone to hear of it
            self.pgconn.finish()
            raise
        finally:
            if spent is not None:
                spent.seconds += time.monotonic() - began

    def _checked(self, gen: PQGen[RV], began: float, spent_seconds: float) -> PQGen[RV]:
        """The same generator. Psycopg resumes it with nothing ready whenever its interval has passed."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.check_while_waiting is not None:
                    self.check_while_waiting(self, time.monotonic() - began, spent_seconds)
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
