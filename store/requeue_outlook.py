"""What is left to send for a church on a channel, for operators who consider requeuing a failed job."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("requeue_outlook")

MOST_COUNTED = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    church_id: UUID
    channel: str
    church_name: str
    suspended_reason: str | None
    """None: the church is not suspended."""
    has_sender: bool
    address: str | None
    messaging_service_sid: str | None
    paused_reason: str | None
    """None: the sender is not paused."""
    paused_code: str | None
    paused_by: str | None
    """The id of the job that reported the refusal."""
    sent: int
    """Of the deliveries of open messages, those that the carrier accepted. Counted up to MOST_COUNTED."""
    waiting: int
    recipients: int


def read(connection: Connection[Any], wanted: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Outlook]:
    """Returns the outlook of each church and channel. Unknown churches are left out."""
    names = {
        "church_ids": [church_id for church_id, _ in wanted],
        "channels": [channel for _, channel in wanted],
        "most_counted": MOST_COUNTED,
    }
    with connection.cursor(row_factory=class_row(Outlook)) as cursor:
        return {(each.church_id, each.channel): each for each in cursor.execute(_SQL["read_outlooks"], names)}


def church_names(connection: Connection[Any], church_ids: Collection[UUID]) -> dict[UUID, str]:
    return dict(connection.execute(_SQL["get_names"], {"church_ids": list(church_ids)}).fetchall())
