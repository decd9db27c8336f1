"""Reads the product's tables as the superuser, who sees every church; and makes schedules due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from tools.chaos.parameters import MAIL

_TIMEOUTS = "-c statement_timeout=60000 -c lock_timeout=10000"

BROADCAST, CONFIRMATION = "broadcast", "confirmation"
"""Kinds of messages: what a church writes to many, and the answer to a keyword."""

_DELIVERIES = """
SELECT delivery_id::text, message_id::text, channel, address, status::text, attempts, carrier_id, error_code, reason,
       segments
FROM deliveries
"""
_MESSAGES = """
SELECT message_id::text, church_id::text, channel, content AS body, segments, details ->> 'subject' AS subject,
       coalesce(jsonb_array_length(details -> 'mediaUrls'), 0) AS pictures, expanded_at IS NOT NULL AS is_expanded,
       completed_at IS NOT NULL AS is_completed, extract(epoch FROM send_at)::float AS due_at, schedule_id::text, kind
FROM messages
"""
_RUNS = "SELECT schedule_id::text, outcome, wall_time IS NULL AS is_run_now, message_id::text FROM schedule_runs"
_MAKE_DUE = """
UPDATE schedules
SET next_run_at = starts_at AT TIME ZONE time_zone, next_wall_time = starts_at
WHERE schedule_id = %(schedule_id)s
"""
_OUTSTANDING = """
SELECT (SELECT count(*) FROM messages WHERE expanded_at IS NULL) AS unexpanded_messages,
       (SELECT count(*) FROM receipts WHERE applied_at IS NULL) AS unapplied_receipts,
       (SELECT count(*) FROM schedules WHERE next_run_at <= now()) AS due_schedules,
       (SELECT count(*) FROM messages WHERE completed_at IS NULL) AS uncompleted_messages,
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
    segments: int | None = None
    """Of its own text; None: those of the message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRow:
    message_id: str
    church_id: str
    channel: str
    body: str
    segments: int
    """Of its text to one recipient."""
    subject: str | None
    """Only of a mail."""
    pictures: int
    is_expanded: bool
    is_completed: bool
    due_at: float
    """When it is to be sent, in seconds since the epoch."""
    schedule_id: str | None
    kind: str = BROADCAST


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleRunRow:
    schedule_id: str
    outcome: str
    is_run_now: bool
    """Requested through the API, not by the schedule's rule."""
    message_id: str | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How much work the product has done, and how much is outstanding."""

    statuses: Counter[tuple[str, str]]
    """Deliveries by channel and status."""
    unexpanded_messages: int
    unapplied_receipts: int
    due_schedules: int
    uncompleted_messages: int
    due_in_seconds: float
    """Until the last queued delivery may be sent; positive while one waits for its time or a throttled sender."""

    @property
    def open_deliveries(self) -> int:
        """Deliveries that are still to be sent or reconciled."""
        return sum(self.in_status(status) for status in ("queued", "sending", "unknown"))

    @property
    def unreported_deliveries(self) -> int:
        """Deliveries whose final receipt is outstanding. Mail has no receipts."""
        return self.in_status("sent") - self.statuses[MAIL, "sent"]

    @property
    def finished_deliveries(self) -> int:
        return self.statuses.total() - self.open_deliveries - self.unreported_deliveries

    def in_status(self, status: str) -> int:
        """How many deliveries have the status, on all channels."""
        return sum(count for (_, its_status), count in self.statuses.items() if its_status == status)


class ProductTables:
    """Connects anew for each call, because the server may have been restarted."""

    def __init__(self, url: str) -> None:
        self._url = url

    def progress(self) -> Progress:
        """Raises psycopg.OperationalError while PostgreSQL is down."""
        with self._open() as connection:
            counts = connection.execute(_STATUSES).fetchall()
            row = connection.execute(_OUTSTANDING).fetchone()
        assert row is not None  # noqa: S101 - no FROM: one row
        unexpanded, unapplied, due_schedules, uncompleted, due_in_seconds = row
        return Progress(
            statuses=Counter({(channel, status): count for channel, status, count in counts}),
            unexpanded_messages=unexpanded,
            unapplied_receipts=unapplied,
            due_schedules=due_schedules,
            uncompleted_messages=uncompleted,
            due_in_seconds=due_in_seconds,
        )

    def deliveries(self) -> list[DeliveryRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(DeliveryRow)) as cursor:
            return cursor.execute(_DELIVERIES).fetchall()

    def messages(self) -> list[MessageRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(MessageRow)) as cursor:
            return cursor.execute(_MESSAGES).fetchall()

    def runs(self) -> list[ScheduleRunRow]:
        with self._open() as connection, connection.cursor(row_factory=class_row(ScheduleRunRow)) as cursor:
            return cursor.execute(_RUNS).fetchall()

    def make_due(self, schedule_id: str) -> None:
        """Set the schedule's next run to the first time of its rule, even if that run has already happened."""
        with self._open() as connection:
            connection.execute(_MAKE_DUE, {"schedule_id": schedule_id})

    @contextmanager
    def _open(self) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(self._url, connect_timeout=2, options=_TIMEOUTS) as connection:
            yield connection
