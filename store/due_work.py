"""What is due and waits in the database, for operators: read from partial indexes of unfinished rows, and bounded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("due_work")

MOST_COUNTED = 200_000
"""Each number is counted up to this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueDeliveries:
    """Due deliveries that wait for the same: a `reason` of waitingFor, or `claim` for those that may be sent now."""

    waits_for: str
    deliveries: int
    churches: int
    oldest_since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelWork:
    channel: str
    due: list[DueDeliveries]
    messages: int
    """Due, and not expanded yet."""
    oldest_message_since: datetime | None
    in_flight: int
    expired: int
    """Of those in flight, the deliveries whose lease has expired."""
    in_doubt: int

    @property
    def deliveries(self) -> int:
        """How many are due, whatever they wait for."""
        return sum(each.deliveries for each in self.due)

    @property
    def oldest_since(self) -> datetime | None:
        return min((each.oldest_since for each in self.due), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnappliedReceipts:
    receipts: int
    oldest_since: datetime | None


def read_channel(connection: Connection[Any], channel: str) -> ChannelWork:
    names = {"channel": channel, "row_limit": MOST_COUNTED}
    with connection.cursor(row_factory=class_row(DueDeliveries)) as cursor:
        due = cursor.execute(_SQL["count_due_deliveries"], names).fetchall()
    messages = connection.execute(_SQL["count_due_messages"], names).fetchone()
    in_flight = connection.execute(_SQL["count_in_flight"], names).fetchone()
    in_doubt = connection.execute(_SQL["count_in_doubt"], names).fetchone()
    assert messages and in_flight and in_doubt  # noqa: S101 - aggregates
    return ChannelWork(
        channel=channel,
        due=due,
        messages=messages[0],
        oldest_message_since=messages[1],
        in_flight=in_flight[0],
        expired=in_flight[1],
        in_doubt=in_doubt[0],
    )


def count_due_messages(connection: Connection[Any], channel: str) -> int:
    """Returns how many messages of the channel are due and not expanded yet, up to MOST_COUNTED."""
    found = connection.execute(_SQL["count_due_messages"], {"channel": channel, "row_limit": MOST_COUNTED}).fetchone()
    assert found is not None  # noqa: S101 - an aggregate
    return found[0]


def read_receipts(connection: Connection[Any]) -> UnappliedReceipts:
    with connection.cursor(row_factory=class_row(UnappliedReceipts)) as cursor:
        found = cursor.execute(_SQL["count_unapplied_receipts"], {"row_limit": MOST_COUNTED}).fetchone()
    assert found is not None  # noqa: S101 - an aggregate
    return found


def read_clock(connection: Connection[Any]) -> datetime:
    """Returns the time of the database, by which everything is due."""
    row = connection.execute(_SQL["read_clock"]).fetchone()
    assert row is not None  # noqa: S101 - one row
    return row[0]
