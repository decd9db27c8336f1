"""Group commit: writes that arrive at the same time are committed in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class WriteTimeout(Exception):
    """The group was not written in time. It may still be."""


class _Waiter(Generic[T]):
    """A caller and its item."""

    __slots__ = ("error", "item", "leads", "released")

    def __init__(self, item: T) -> None:
        self.item = item
        self.leads = False
        self.error: BaseException | None = None
        self.released = threading.Lock()  # held until the item is written, or this caller must write the next group
        self.released.acquire()


class GroupCommit(Generic[T]):
    """Writes one item for each caller and returns once it is committed.

    Items that arrive while a group is being written form the next group. The first caller of that group then writes it
    for all of them, so nobody waits longer than two writes take.
    """

    def __init__(self, write: Callable[[Sequence[T]], None], *, timeout_seconds: float) -> None:
        """`timeout_seconds` is how long a caller waits for a group that another caller writes."""
        self._write = write
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._waiting: list[_Waiter[T]] = []
        self._has_leader = False

    def put(self, item: T) -> None:
        """Write the item with its group. Raises what the write raised, for all its callers, or WriteTimeout."""
        waiter = _Waiter(item)
        with self._lock:
            self._waiting.append(waiter)
            if not self._has_leader:
                self._has_leader = waiter.leads = True
        if not waiter.leads and not waiter.released.acquire(timeout=self._timeout_seconds):
            self._leave(waiter)
        if waiter.leads:
            self._lead()
        if waiter.error is not None:
            raise waiter.error

    def _leave(self, waiter: _Waiter[T]) -> None:
        """Give up waiting and raise WriteTimeout, unless the caller was released at this moment."""
        with self._lock:
            if waiter.released.acquire(blocking=False):
                return
            if waiter in self._waiting:  # otherwise it is being written now
                self._waiting.remove(waiter)
        raise WriteTimeout

    def _lead(self) -> None:
        """Write the waiting group, release its callers, and let the first of the next group lead."""
        with self._lock:
            group, self._waiting = self._waiting, []
        try:
            self._write([waiter.item for waiter in group])
        except BaseException as error:  # noqa: BLE001 - each caller raises it
            for waiter in group:
                waiter.error = error
        finally:
            for waiter in group:
                waiter.released.release()
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            if not self._waiting:
                self._has_leader = False
                return
            self._waiting[0].leads = True
            self._waiting[0].released.release()
