"""What the alerts measure in the database. Each query costs the same however many churches and deliveries there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, scalar_row

from store import sql

_SQL = sql.load("alert_measurements")

T = TypeVar("T")

COUNTED_IN_DOUBT = 1000
"""The most deliveries in doubt that are counted."""
_SAMPLED_MESSAGES = 50
_SAMPLED_DELIVERIES = 20
"""Of each message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    used: int
    available: int
    """The most connections that are not reserved for superusers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LongInDoubt:
    deliveries: int
    """At most COUNTED_IN_DOUBT."""
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PausedSender:
    church_id: UUID
    channel: str
    paused_at: datetime
    paused_reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AwaitingReceipts:
    awaiting: int
    """Deliveries that the carrier accepted and never reported about since."""
    submitted: int
    """All deliveries of the sample that the carrier accepted."""


def measure_connections(connection: Connection[Any]) -> Connections:
    """Returns the connections of the whole server."""
    with connection.cursor(row_factory=class_row(Connections)) as cursor:
        return _only(cursor.execute(_SQL["measure_connections"]).fetchone())


def measure_database_size(connection: Connection[Any]) -> int:
    """Returns the size of the database in bytes, with its indexes."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return _only(cursor.execute(_SQL["measure_database_size"]).fetchone())


def count_long_in_doubt(connection: Connection[Any], *, least_seconds: float) -> LongInDoubt:
    """Counts the deliveries that have been in doubt for at least this long."""
    names = {"least_seconds": least_seconds, "row_limit": COUNTED_IN_DOUBT}
    with connection.cursor(row_factory=class_row(LongInDoubt)) as cursor:
        return _only(cursor.execute(_SQL["count_long_in_doubt"], names).fetchone())


def list_paused_senders(connection: Connection[Any], *, limit: int) -> list[PausedSender]:
    """Returns the senders that were paused last."""
    with connection.cursor(row_factory=class_row(PausedSender)) as cursor:
        return cursor.execute(_SQL["list_paused_senders"], {"row_limit": limit}).fetchall()


def count_awaiting_receipts(
    connection: Connection[Any], *, channels: Sequence[str], least_seconds: float, most_seconds: float
) -> AwaitingReceipts:
    """Samples the messages of these channels that were completed between so many seconds ago, and are not settled."""
    names = {
        "channels": list(channels),
        "least_seconds": least_seconds,
        "most_seconds": most_seconds,
        "message_limit": _SAMPLED_MESSAGES,
        "delivery_limit": _SAMPLED_DELIVERIES,
    }
    with connection.cursor(row_factory=class_row(AwaitingReceipts)) as cursor:
        return _only(cursor.execute(_SQL["count_awaiting_receipts"], names).fetchone())


def _only(row: T | None) -> T:
    assert row is not None  # noqa: S101 - these statements always return a row
    return row
