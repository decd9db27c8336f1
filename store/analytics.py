"""Sums of the totals of messages: by day, month, channel or message, with costs and times to deliver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.states import Status
from store import sql

_SQL = sql.load("analytics")

Period = Literal["day", "month", "all"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """A range of days of a church's calendar, both included."""

    first: date
    last: date

    @property
    def names(self) -> dict[str, date]:
        return {"first_day": self.first, "last_day": self.last}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """What the messages of one group add up to."""

    church_id: UUID
    period: date
    """The first day of the period."""
    channel: str
    """Empty unless grouped by channel."""
    message_id: UUID
    """The church's id unless grouped by message."""
    messages: int
    counted_at: datetime | None
    """When one of the messages was counted last; None if none is counted yet."""
    billed: int
    """Segments that the carrier accepted."""
    statuses: Sequence[str]
    reasons: Sequence[str]
    deliveries: Sequence[int]
    """For each status and reason."""
    time_buckets: Sequence[int]
    time_counts: Sequence[int]
    currencies: Sequence[str]
    amounts: Sequence[Decimal]
    """The cost in each currency."""
    unpriced: int
    """Billed segments without a price."""
    is_final: bool

    @property
    def by_status(self) -> Mapping[Status, int]:
        counts: Counter[str] = Counter()
        for status, deliveries in zip(self.statuses, self.deliveries, strict=True):
            counts[status] += deliveries
        return {status: counts[status.value] for status in Status}

    @property
    def histogram(self) -> Mapping[int, int]:
        """As for messaging.delivery_times.percentile()."""
        return dict(zip(self.time_buckets, self.time_counts, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedMessage:
    message_id: UUID
    send_at: datetime
    channel: str
    day: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """A church's time zone, its present day, and its monthly quota, if any."""

    time_zone: str
    today: date
    monthly_quota: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedChurch:
    church_id: UUID
    name: str


def sum_totals(
    connection: Connection[Any],
    church_ids: Sequence[UUID],
    days: Days,
    *,
    period: Period,
    by_channel: bool,
    message_ids: Sequence[UUID] | None = None,
) -> list[Sums]:
    """Returns the sums of each group that has messages, by church, period and channel.

    `message_ids`: of these messages only, each in a group of its own.
    """
    names = {
        **days.names,
        "church_ids": list(church_ids),
        "period": period,
        "by_channel": by_channel,
        "message_ids": None if message_ids is None else list(message_ids),
    }
    with connection.cursor(row_factory=class_row(Sums)) as cursor:
        return cursor.execute(_SQL["sum_totals"], names).fetchall()


def page_messages(
    connection: Connection[Any],
    church_id: UUID,
    days: Days,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[CountedMessage]:
    """Returns up to `limit` counted messages after the one with this send_at and id, by send_at."""
    after_send_at, after_id = after or (_midnight(days.first) - timedelta(days=2), sql.FIRST_ID)
    names = {
        **days.names,
        "church_id": church_id,
        "after_send_at": after_send_at,
        "after_id": after_id,
        "before": _midnight(days.last) + timedelta(days=3),
        "row_limit": limit,
    }
    with connection.cursor(row_factory=class_row(CountedMessage)) as cursor:
        return cursor.execute(_SQL["page_counted_messages"], names).fetchall()


def _midnight(day: date) -> datetime:
    """Returns the start of the day in UTC: that of any time zone is within a day of it."""
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)


def sum_opt_outs(connection: Connection[Any], church_id: UUID, days: Days, *, period: Period) -> dict[date, int]:
    """Returns the number of opt-outs by the first day of each period that has any."""
    names = {**days.names, "church_id": church_id, "period": period}
    return dict(connection.execute(_SQL["sum_opt_outs"], names).fetchall())


def calendar(connection: Connection[Any], church_id: UUID) -> Calendar:
    with connection.cursor(row_factory=class_row(Calendar)) as cursor:
        found = cursor.execute(_SQL["get_calendar"], {"church_id": church_id}).fetchone()
    assert found is not None  # noqa: S101 - the church of the key exists
    return found


def counted_months(connection: Connection[Any], church_id: UUID, days: Days) -> dict[date, int]:
    """Returns the segments that are used or reserved of the monthly quota, by the first day of the month."""
    return dict(connection.execute(_SQL["list_counted_months"], {**days.names, "church_id": church_id}).fetchall())


def page_churches(connection: Connection[Any], *, after: UUID | None, limit: int) -> list[ListedChurch]:
    with connection.cursor(row_factory=class_row(ListedChurch)) as cursor:
        names = {"after": after or sql.FIRST_ID, "row_limit": limit}
        return cursor.execute(_SQL["page_churches"], names).fetchall()
