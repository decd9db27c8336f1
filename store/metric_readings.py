"""What /metrics reads of the present: ages, numbers, and statistics of the server. No query reads a large table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("metric_readings")


@dataclass(frozen=True, kw_only=True, slots=True)
class OldestDelivery:
    """Since when the oldest delivery of a channel has been due (queued) or in its status."""

    channel: str
    status: str
    age_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingSenders:
    """How many senders are paused by a refusal, or slowed by the carrier."""

    channel: str
    state: Literal["paused", "slowed"]
    senders: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerStatistics:
    """PostgreSQL itself. `connections_max`: as many as the service's role may open."""

    bytes: int
    connections_max: int
    oldest_transaction_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """How many connections a program has in a state such as `active` or `idle in transaction`."""

    program: str
    state: str
    connections: int


def oldest_deliveries(connection: Connection[Any], channels: Sequence[str]) -> list[OldestDelivery]:
    """Returns the oldest queued, sending, unknown and sent delivery of each channel that has one."""
    with connection.cursor(row_factory=class_row(OldestDelivery)) as cursor:
        return cursor.execute(_SQL["oldest_deliveries"], {"channels": list(channels)}).fetchall()


def late_claims(connection: Connection[Any], channels: Sequence[str]) -> dict[str, float]:
    """Returns for how many seconds a paced sender could have sent, by channel, without channels where none waits."""
    return dict(connection.execute(_SQL["late_claims"], {"channels": list(channels)}).fetchall())


def oldest_receipt_seconds(connection: Connection[Any]) -> float:
    """Returns the age of the oldest receipt that is not applied, 0 without one."""
    row = connection.execute(_SQL["oldest_receipt"]).fetchone()
    return row[0] if row else 0.0


def waiting_senders(connection: Connection[Any]) -> list[WaitingSenders]:
    """Returns the numbers that are not 0."""
    with connection.cursor(row_factory=class_row(WaitingSenders)) as cursor:
        return cursor.execute(_SQL["waiting_senders"]).fetchall()


def server_statistics(connection: Connection[Any]) -> ServerStatistics:
    """Returns the statistics of PostgreSQL and of this database."""
    with connection.cursor(row_factory=class_row(ServerStatistics)) as cursor:
        statistics = cursor.execute(_SQL["server_statistics"]).fetchone()
    assert statistics is not None  # noqa: S101 - one row is always returned
    return statistics


def connections(connection: Connection[Any]) -> list[Connections]:
    """Returns the connections to the server by program and state."""
    with connection.cursor(row_factory=class_row(Connections)) as cursor:
        return cursor.execute(_SQL["connections"]).fetchall()
