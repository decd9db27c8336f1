"""What would become of a message if it were accepted now. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from messaging.send_estimate import Wave
from store import audiences, sql
from store.audiences import Audience
from store.merge_fields import StoredMergeFields

_SQL = sql.load("previews")

MOST_WAITING = 200_000
"""Waiting deliveries that are read at most. More of them take hours anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedMessage:
    """A message to preview. The times and the texts are as in NewMessage."""

    audience: Audience
    content: str
    details: Mapping[str, Any]
    segments: int
    """Of one delivery, unless each text has its own."""
    merge_fields: StoredMergeFields | None
    keeps_quiet_hours: bool
    send_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What decides when and at what price a church's message is sent."""

    church_name: str
    time_zone: str
    window_opens: int
    window_closes: int
    """In minutes since midnight."""
    segments_per_second: float | None
    slowed_until: datetime | None
    is_stopped: bool | None
    """Whether the sender is paused or the church suspended; None without a sender."""
    read_at: datetime
    segments_before: int
    """Of deliveries that are sent first."""
    per_segment: Decimal | None
    currency: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """What one recipient gets."""

    contact_id: UUID | None
    content: str
    details: Mapping[str, Any]
    segments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewedRecipients:
    reached: int
    excluded: Mapping[str, int]
    """The people who get nothing, by reason."""
    least: int
    most: int
    segments: int
    """Of one text, the least and the most, and of all texts together."""
    ucs2: int
    """Recipients who have a value that is not in GSM 7-bit."""
    waves: list[Wave]
    missing: Mapping[int, int]
    """How many people a field is empty for, by its place among the stored merge fields, from 0."""
    examples: list[Example]


def begin_reading(connection: Connection[Any]) -> None:
    """Make the transaction read-only."""
    connection.execute(_SQL["begin_reading"])


def circumstances(
    connection: Connection[Any], *, church_id: UUID, channel: str, send_at: datetime | None
) -> Circumstances:
    names = {"church_id": church_id, "channel": channel, "send_at": send_at, "row_limit": MOST_WAITING}
    with connection.cursor(row_factory=class_row(Circumstances)) as cursor:
        found = cursor.execute(_SQL["get_circumstances"], names).fetchone()
    assert found is not None  # noqa: S101 - the church exists
    return found


def counted(connection: Connection[Any], *, church_id: UUID, day: date) -> tuple[int, int]:
    """Returns what is counted against the limits of a church on a day, and in its month."""
    row = connection.execute(_SQL["get_counted"], {"church_id": church_id, "day": day}).fetchone()
    assert row is not None  # noqa: S101 - always one row
    return row[0], row[1]


def recipients(connection: Connection[Any], message: PreviewedMessage) -> PreviewedRecipients:
    """Returns who would get the message, what they would get, and when they may be sent it."""
    names = {
        **audiences.parameters(connection, message.audience),
        "content": message.content,
        "details": Jsonb(dict(message.details)),
        "segments": message.segments,
        "merge_fields": None if message.merge_fields is None else Jsonb(message.merge_fields),
        "keeps_quiet_hours": message.keeps_quiet_hours,
        "send_at": message.send_at,
    }
    with connection.cursor(row_factory=kwargs_row(_recipients)) as cursor:
        found = cursor.execute(_SQL["preview_recipients"], names).fetchone()
    assert found is not None  # noqa: S101 - aggregates have one row
    return found


def _recipients(
    *,
    people: dict[str, int],
    waves: list[tuple[float | None, int]],
    missing: dict[str, int],
    examples: list[dict[str, Any]],
    **numbers: int,
) -> PreviewedRecipients:
    return PreviewedRecipients(
        reached=people.pop("", 0),
        excluded=people,
        waves=[
            Wave(begins_at=None if epoch is None else datetime.fromtimestamp(epoch, UTC), segments=segments)
            for epoch, segments in waves
        ],
        missing={int(place) - 1: count for place, count in missing.items()},
        examples=[
            Example(
                contact_id=None if each["contactId"] is None else UUID(each["contactId"]),
                content=each["content"],
                details=each["details"],
                segments=each["segments"],
            )
            for each in examples
        ],
        **numbers,
    )
