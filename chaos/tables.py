"""What the product's own ledger says, read by somebody who sees every church."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

_TIMEOUTS = "-c statement_timeout=60000 -c lock_timeout=10000"

_DELIVERIES = """
SELECT delivery_id::text, message_id::text, address, status::text, attempts, carrier_id, error_code, reason
FROM deliveries
"""
_MESSAGES = """
SELECT message_id::text, content AS body, expanded_at IS NOT NULL AS is_expanded,
       completed_at IS NOT NULL AS is_completed
FROM messages
"""
_TO_DO = """
SELECT (SELECT count(*) FROM messages WHERE expanded_at IS NULL) AS unexpanded,
       (SELECT count(*) FROM receipts WHERE applied_at IS NULL) AS unapplied,
       (SELECT count(*) FROM messages WHERE completed_at IS NULL) AS uncompleted,
       coalesce((SELECT max(extract(epoch FROM due_at - now()))::float FROM deliveries WHERE status = 'queued'), 0)
           AS due_in_seconds
"""
_STATUSES = "SELECT status::text, count(*) FROM deliveries GROUP BY status"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    delivery_id: str
    message_id: str
    address: str | None
    status: str
    attempts: int
    carrier_id: str | None
    error_code: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRow:
    message_id: str
    body: str
    is_expanded: bool
    is_completed: bool


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far everything came."""

    statuses: Counter[str]
    """Deliveries by status."""
    unexpanded: int
    """Messages whose audience is not written."""
    unapplied: int
    """Receipts stored and not applied."""
    uncompleted: int
    """Messages not marked as completed."""
    due_in_seconds: float
    """When the last queued delivery is due."""

    @property
    def open(self) -> int:
        """Deliveries that have still to be sent, or to be found out about."""
        return sum(self.statuses[status] for status in ("queued", "sending", "unknown"))

    @property
    def ended(self) -> int:
        return self.statuses.total() - self.open - self.statuses["sent"]


class Tables:
    """Opens a connection when one is needed, and another when the server was restarted."""

    def __init__(self, url: str) -> None:
        self._url = url

    def standing(self) -> Standing:
        """Raises psycopg.OperationalError while PostgreSQL is away."""
        with self._open() as connection:
            statuses = Counter[str](dict(connection.execute(_STATUSES).fetchall()))
            row = connection.execute(_TO_DO).fetchone()
        assert row is not None  # noqa: S101 - no FROM: one row
        unexpanded, unapplied, uncompleted, due_in_seconds = row
        return Standing(
            statuses=statuses,
            unexpanded=unexpanded,
            unapplied=unapplied,
            uncompleted=uncompleted,
            due_in_seconds=due_in_seconds,
        )

    def deliveries(self) -> list[DeliveryRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(DeliveryRow)) as cursor:
            return cursor.execute(_DELIVERIES).fetchall()

    def messages(self) -> list[MessageRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(MessageRow)) as cursor:
            return cursor.execute(_MESSAGES).fetchall()

    @contextmanager
    def _open(self) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(self._url, connect_timeout=2, options=_TIMEOUTS) as connection:
            yield connection
