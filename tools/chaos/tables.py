"""What the product's own ledger says, read by somebody who sees every church; and schedules that he makes due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from tools.chaos.people import MAIL

_TIMEOUTS = "-c statement_timeout=60000 -c lock_timeout=10000"

_DELIVERIES = """
SELECT delivery_id::text, message_id::text, channel, address, status::text, attempts, carrier_id, error_code, reason
FROM deliveries
"""
_MESSAGES = """
SELECT message_id::text, channel, content AS body, details ->> 'subject' AS subject,
       coalesce(jsonb_array_length(details -> 'mediaUrls'), 0) AS pictures, expanded_at IS NOT NULL AS is_expanded,
       completed_at IS NOT NULL AS is_completed, extract(epoch FROM send_at)::float AS due_at, schedule_id::text
FROM messages
"""
_RUNS = "SELECT schedule_id::text, outcome, wall_time IS NULL AS is_by_hand, message_id::text FROM schedule_runs"
_MAKE_DUE = """
UPDATE schedules
SET next_run_at = starts_at AT TIME ZONE time_zone, next_wall_time = starts_at
WHERE schedule_id = %(schedule_id)s
"""
_TO_DO = """
SELECT (SELECT count(*) FROM messages WHERE expanded_at IS NULL) AS unexpanded,
       (SELECT count(*) FROM receipts WHERE applied_at IS NULL) AS unapplied,
       (SELECT count(*) FROM schedules WHERE next_run_at <= now()) AS unrun,
       (SELECT count(*) FROM messages WHERE completed_at IS NULL) AS uncompleted,
       coalesce((
           SELECT max(extract(epoch FROM greatest(due_at, slowed_until) - now()))::float
           FROM deliveries
           JOIN senders USING (church_id, channel)
           WHERE status = 'queued'
       ), 0) AS due_in_seconds
"""
_STATUSES = "SELECT channel, status::text, count(*) FROM deliveries GROUP BY channel, status"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    delivery_id: str
    message_id: str
    channel: str
    address: str | None
    status: str
    attempts: int
    carrier_id: str | None
    error_code: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRow:
    message_id: str
    channel: str
    body: str
    subject: str | None
    """Of a mail."""
    pictures: int
    is_expanded: bool
    is_completed: bool
    due_at: float
    """When it is to be sent, in seconds since the epoch."""
    schedule_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """What became of a run of a schedule."""

    schedule_id: str
    outcome: str
    is_by_hand: bool
    message_id: str | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far everything came."""

    statuses: Counter[tuple[str, str]]
    """Deliveries by channel and status."""
    unexpanded: int
    """Messages whose audience is not written."""
    unapplied: int
    """Receipts stored and not applied."""
    unrun: int
    """Schedules that are due."""
    uncompleted: int
    """Messages not marked as completed."""
    due_in_seconds: float
    """When the last queued delivery is due, and its sender may send."""

    @property
    def open(self) -> int:
        """Deliveries that have still to be sent, or to be found out about."""
        return sum(self.in_status(status) for status in ("queued", "sending", "unknown"))

    @property
    def unreported(self) -> int:
        """Deliveries of which the carrier has still to say what became of them. Mail servers say nothing."""
        return self.in_status("sent") - self.statuses[MAIL, "sent"]

    @property
    def ended(self) -> int:
        return self.statuses.total() - self.open - self.unreported

    def in_status(self, status: str) -> int:
        """Deliveries on all channels."""
        return sum(count for (_, its_status), count in self.statuses.items() if its_status == status)


class Tables:
    """Opens a connection when one is needed, and another when the server was restarted."""

    def __init__(self, url: str) -> None:
        self._url = url

    def standing(self) -> Standing:
        """Raises psycopg.OperationalError while PostgreSQL is away."""
        with self._open() as connection:
            counts = connection.execute(_STATUSES).fetchall()
            row = connection.execute(_TO_DO).fetchone()
        assert row is not None  # noqa: S101 - no FROM: one row
        unexpanded, unapplied, unrun, uncompleted, due_in_seconds = row
        return Standing(
            statuses=Counter({(channel, status): count for channel, status, count in counts}),
            unexpanded=unexpanded,
            unapplied=unapplied,
            unrun=unrun,
            uncompleted=uncompleted,
            due_in_seconds=due_in_seconds,
        )

    def deliveries(self) -> list[DeliveryRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(DeliveryRow)) as cursor:
            return cursor.execute(_DELIVERIES).fetchall()

    def messages(self) -> list[MessageRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(MessageRow)) as cursor:
            return cursor.execute(_MESSAGES).fetchall()

    def runs(self) -> list[RunRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(RunRow)) as cursor:
            return cursor.execute(_RUNS).fetchall()

    def make_due(self, schedule_id: str) -> None:
        """Write the first time of the schedule's rule down as its next, also when it has had that run."""
        with self._open() as connection:
            connection.execute(_MAKE_DUE, {"schedule_id": schedule_id})

    @contextmanager
    def _open(self) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(self._url, connect_timeout=2, options=_TIMEOUTS) as connection:
            yield connection
