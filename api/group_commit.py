"""Group commit: writes that arrive at the same time share one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class WriteTimeout(Exception):
    """The write of the group did not end in time. It may still succeed."""


class _Waiter(Generic[T]):
    __slots__ = ("called", "error", "leads", "thing")

    def __init__(self, thing: T) -> None:
        self.thing = thing
        self.leads = False
        self.error: BaseException | None = None
        self.called = threading.Lock()  # held until this caller's item is written, or it must write the next group
        self.called.acquire()


class GroupCommit(Generic[T]):
    """Writes one item for each caller and returns once it is committed.

    Items that arrive while a group is being written form the next group. The first caller of that group then writes it
    for all of them, so nobody waits longer than two writes take.
    """

    def __init__(self, write: Callable[[Sequence[T]], None], *, timeout_seconds: float) -> None:
        """`timeout_seconds` is how long a caller waits for a group that another caller writes."""
        self._write = write
        self._patience_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._waiting: list[_Waiter[T]] = []
        self._is_led = False

    def put(self, thing: T) -> None:
        """Write the item with its group. Raises what the write raised, for all its callers, or WriteTimeout."""
        waiter = _Waiter(thing)
        with self._lock:
            self._waiting.append(waiter)
            if not self._is_led:
                self._is_led = waiter.leads = True
        if not waiter.leads and not waiter.called.acquire(timeout=self._patience_seconds):
            self._leave(waiter)
        if waiter.leads:
            self._lead()
        if waiter.error is not None:
            raise waiter.error

    def _leave(self, waiter: _Waiter[T]) -> None:
        """Stop waiting, unless the caller was just released. Raises WriteTimeout."""
        with self._lock:
            if waiter.called.acquire(blocking=False):
                return
            if waiter in self._waiting:  # else the write in progress may still store it
                self._waiting.remove(waiter)
        raise WriteTimeout

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            self._write([waiter.thing for waiter in group])
        except BaseException as error:  # noqa: BLE001 - each of them raises it
            for waiter in group:
                waiter.error = error
        finally:
            for waiter in group:
                waiter.called.release()
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            if not self._waiting:
                self._is_led = False
                return
            self._waiting[0].leads = True
            self._waiting[0].called.release()
