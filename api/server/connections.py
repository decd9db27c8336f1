"""All connections of a web process: how many there are, what they hold, and which must go."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import logs

_log = logs.get_logger(__name__)


class Waiting(Protocol):
    """A connection, as those that watch over it see it."""

    held: int
    deadline: float

    def expire(self) -> str | None:
        """The deadline has passed: end. Returns the reason where it is worth a line in the log."""
        ...

    def make_room(self) -> None:
        """End at once."""
        ...

    def stop(self, deadline: float) -> None:
        """The process ends: do not wait for another request for longer than this."""
        ...


class Connections:
    """Closes the connection that has waited longest for its client when there are too many, or they hold too much.

    Requests in the application's hands wait for us, not for their client, and are never closed.
    """

    def __init__(self, *, most: int, buffer_bytes: int) -> None:
        self._most = most
        self._buffer_bytes = buffer_bytes
        self._fair_share = buffer_bytes // most
        """Whoever holds less is not closed for what all hold: all together, such connections cannot hold too much."""
        self._count = 0
        self._held = 0
        self._waiting: dict[Waiting, None] = {}  # a dict is ordered: the longest waiting is the first
        self._reasons: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._count

    def opened(self, connection: Waiting) -> None:
        self._count += 1
        self._waiting[connection] = None
        if self._count > self._most:
            self._end(next(iter(self._waiting)), "too many connections")

    def closed(self, connection: Waiting) -> None:
        self._count -= 1
        self._held -= connection.held
        self._waiting.pop(connection, None)

    def waits(self, connection: Waiting) -> None:
        """From now on, the connection waits for its client."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def is_served(self, connection: Waiting) -> None:
        """The application has its request in hand."""
        self._waiting.pop(connection, None)

    def hold(self, connection: Waiting, size: int) -> None:
        """The connection now holds so many bytes. It may itself be closed to make room."""
        self._set_held(connection, size)
        while self._held > self._buffer_bytes:
            large = next((each for each in self._waiting if each.held > self._fair_share), None)
            if large is None:
                return
            self._end(large, "too much is held")

    def sweep(self, now: float) -> None:
        """End what has waited too long, and log how many were ended since the last sweep, and why."""
        for connection in [each for each in self._waiting if each.deadline <= now]:
            if reason := connection.expire():
                self._reasons[reason] += 1
        if self._reasons:
            _log.warning("connections closed", reasons=dict(self._reasons))
            self._reasons.clear()

    def stop(self, deadline: float) -> None:
        """The process ends: requests that have begun to arrive are served, nothing else is waited for."""
        for connection in list(self._waiting):
            connection.stop(deadline)

    def _end(self, connection: Waiting, reason: str) -> None:
        self._reasons[reason] += 1
        self._set_held(connection, 0)
        self._waiting.pop(connection, None)
        connection.make_room()

    def _set_held(self, connection: Waiting, size: int) -> None:
        self._held += size - connection.held
        connection.held = size
