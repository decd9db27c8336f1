"""What operators see of churches: a list of all, and the whole state of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("church_overview")

MOST_COUNTED = 1_000_000
"""The most contacts and opt-outs that are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedChurch:
    church_id: UUID
    name: str
    suspended_at: datetime | None
    found: int
    """How many churches match, listed or not."""
    channels: list[str]
    """Those with a sender."""
    paused_channels: list[str]
    segments_today: int
    last_message_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChurchState:
    church_id: UUID
    name: str
    time_zone: str
    created_at: datetime
    window_opens: int
    window_closes: int
    """In minutes since midnight."""
    suspended_at: datetime | None
    suspended_reason: str | None
    daily_segment_limit: int | None
    regions: list[str] | None
    """None: the default of the settings, as for the limit."""
    link_domain: str | None
    shortens_links: bool
    """As in LinkSettings."""
    day: date
    """Today in its time zone."""
    segments_today: int
    contacts: int
    opt_outs: int
    sender_opt_outs: int
    """Those that the carrier keeps for single senders of the church, present or former."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderState:
    channel: str
    address: str | None
    messaging_service_sid: str | None
    segments_per_second: float | None
    paused_at: datetime | None
    paused_reason: str | None
    paused_code: str | None
    slowed_until: datetime | None
    """In the future, or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedSchedule:
    schedule_id: UUID
    channel: str
    rule: str
    time_zone: str
    next_run_at: datetime | None
    paused_at: datetime | None
    paused_reason: str | None
    delay_reason: str | None
    found: int
    """How many schedules the church has, listed or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenMessage:
    """A message with something left to expand or submit."""

    message_id: UUID
    channel: str
    send_at: datetime
    expanded_at: datetime | None
    paused_at: datetime | None
    found: int
    """How many open messages the church has, listed or not."""
    queued: int
    sending: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DayTotal:
    channel: str
    status: str
    deliveries: int
    rolled_up_at: datetime


def list_churches(
    connection: Connection[Any], *, name: str | None, only_paused: bool, only_suspended: bool, limit: int
) -> list[ListedChurch]:
    """Returns at most `limit` churches whose name contains `name`, by name."""
    names = {"name": name, "only_paused": only_paused, "only_suspended": only_suspended, "row_limit": limit}
    with connection.cursor(row_factory=class_row(ListedChurch)) as cursor:
        return cursor.execute(_SQL["list_churches"], names).fetchall()


def get(connection: Connection[Any], church_id: UUID) -> ChurchState | None:
    names = {"church_id": church_id, "most_counted": MOST_COUNTED}
    with connection.cursor(row_factory=class_row(ChurchState)) as cursor:
        return cursor.execute(_SQL["get_church_state"], names).fetchone()


def list_senders(connection: Connection[Any], church_id: UUID) -> list[SenderState]:
    with connection.cursor(row_factory=class_row(SenderState)) as cursor:
        return cursor.execute(_SQL["list_senders"], {"church_id": church_id}).fetchall()


def list_schedules(connection: Connection[Any], church_id: UUID, *, limit: int) -> list[ListedSchedule]:
    with connection.cursor(row_factory=class_row(ListedSchedule)) as cursor:
        return cursor.execute(_SQL["list_schedules"], {"church_id": church_id, "row_limit": limit}).fetchall()


def list_open_messages(connection: Connection[Any], church_id: UUID, *, limit: int) -> list[OpenMessage]:
    with connection.cursor(row_factory=class_row(OpenMessage)) as cursor:
        return cursor.execute(_SQL["list_open_messages"], {"church_id": church_id, "row_limit": limit}).fetchall()


def todays_totals(connection: Connection[Any], church_id: UUID) -> list[DayTotal]:
    with connection.cursor(row_factory=class_row(DayTotal)) as cursor:
        return cursor.execute(_SQL["get_todays_totals"], {"church_id": church_id}).fetchall()
