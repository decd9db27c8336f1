"""The open connections of a web process: limits their number and the bytes they hold, and closes the slow ones."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import logs

_log = logs.get_logger(__name__)


class ClientConnection(Protocol):
    """What OpenConnections needs of a connection."""

    held_bytes: int
    deadline: float

    def expire(self) -> str | None:
        """Close the connection because its deadline has passed. Returns the reason if it should be logged."""
        ...

    def drop(self) -> None:
        """Close the connection at once."""
        ...

    def stop(self, deadline: float) -> None:
        """Wait for another request no longer than until this time, because the process is ending."""
        ...


class OpenConnections:
    """Closes the connection that has waited longest for its client when there are too many, or they hold too much.

    A connection whose request the application is handling does not wait for its client, and is never closed.
    """

    def __init__(self, *, most: int, buffer_bytes: int) -> None:
        self._most = most
        self._buffer_bytes = buffer_bytes
        self._fair_share = buffer_bytes // most
        """A connection that holds at most this much is never closed to free memory: all such connections together
        cannot hold more than `buffer_bytes`."""
        self._count = 0
        self._held_bytes = 0
        self._waiting: dict[ClientConnection, None] = {}  # a dict is ordered: the longest waiting is the first
        self._reasons: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._count

    def opened(self, connection: ClientConnection) -> None:
        self._count += 1
        self._waiting[connection] = None
        if self._count > self._most:
            self._drop(next(iter(self._waiting)), "too many connections")

    def closed(self, connection: ClientConnection) -> None:
        self._count -= 1
        self._held_bytes -= connection.held_bytes
        self._waiting.pop(connection, None)

    def set_waiting(self, connection: ClientConnection) -> None:
        """Record that the connection waits for its client from now on."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def set_served(self, connection: ClientConnection) -> None:
        """Record that the application is handling the connection's request."""
        self._waiting.pop(connection, None)

    def set_held_bytes(self, connection: ClientConnection, size: int) -> None:
        """Record how many bytes the connection holds, and close connections while all together hold too many.

        The connection itself may be one of those that are closed.
        """
        self._update_held_bytes(connection, size)
        while self._held_bytes > self._buffer_bytes:
            large = next((each for each in self._waiting if each.held_bytes > self._fair_share), None)
            if large is None:
                return
            self._drop(large, "too many bytes buffered")

    def sweep(self, now: float) -> None:
        """Close the connections whose deadline has passed. Logs how many were closed since the last sweep, and why."""
        for connection in [each for each in self._waiting if each.deadline <= now]:
            if reason := connection.expire():
                self._reasons[reason] += 1
        if self._reasons:
            _log.warning("connections closed", reasons=dict(self._reasons))
            self._reasons.clear()

    def stop(self, deadline: float) -> None:
        """Prepare for the end of the process: requests that have begun to arrive are served, others are not awaited."""
        for connection in list(self._waiting):
            connection.stop(deadline)

    def _drop(self, connection: ClientConnection, reason: str) -> None:
        self._reasons[reason] += 1
        self._update_held_bytes(connection, 0)
        self._waiting.pop(connection, None)
        connection.drop()

    def _update_held_bytes(self, connection: ClientConnection, size: int) -> None:
        self._held_bytes += size - connection.held_bytes
        connection.held_bytes = size
