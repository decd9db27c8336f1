"""How many segments a church may send in a day: reserved when a message is accepted, corrected when it is expanded.

Rows are locked in one order: messages, then days, then deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString, NoReturn
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("daily_limits")


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The segments that a message takes of its church's limit, on one day of the church's calendar."""

    day: date
    segments: int
    daily_limit: int
    time_zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChurchLimits:
    """A church's limits (None: the default of the settings applies), and what is counted today so far."""

    name: str
    time_zone: str
    daily_segment_limit: int | None
    regions: list[str] | None
    day: date
    counted: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reservation:
    """What a message has reserved of its day, and what is counted on that day: of all messages, this one included."""

    message_id: UUID
    church_id: UUID
    day: date
    reserved: int
    segments_each: int
    daily_limit: int | None
    counted: int

    def allowed(self, queued: int, *, counted: int) -> int:
        """Return how many of the queued deliveries fit into what others have not reserved."""
        if self.daily_limit is None:
            return queued
        left = self.daily_limit - counted + self.reserved
        return min(queued, max(0, left // self.segments_each))


class DailyLimitReached(Exception):
    """The church may not send this much on that day. `left` segments could still be sent."""

    def __init__(self, need: Need, *, left: int) -> None:
        super().__init__("the daily limit is reached")
        self.need = need
        self.left = left


def measure(
    connection: Connection[Any],
    *,
    church_id: UUID,
    target_type: str,
    target: dict[str, list[str]],
    segments_each: int,
    default_limit: int,
    send_at: datetime | None = None,
) -> Need | None:
    """Returns what a message to this target would take; None if its channel is not counted (`segments_each` is 0).

    `target` is as in NewMessage. `send_at` None means now.
    """
    if segments_each == 0:
        return None
    names = {
        "church_id": church_id,
        "send_at": send_at,
        "segments_each": segments_each,
        "default_limit": default_limit,
    }
    if target_type == "all":
        return _measure(connection, _SQL["measure_all"], names)
    if target_type == "contacts":
        return _measure(connection, _SQL["measure_contacts"], {**names, "contact_ids": target["contactIds"]})
    listed = target.get("phoneNumbers") or target.get("emailAddresses") or ()
    return _measure(connection, _SQL["measure_listed"], {**names, "listed": len(set(listed))})


def measure_resend(
    connection: Connection[Any], *, church_id: UUID, deliveries: int, segments_each: int, default_limit: int
) -> Need | None:
    """Returns what it takes to send this many deliveries again today; None if the channel is not counted."""
    if segments_each == 0 or deliveries == 0:
        return None
    return _measure(
        connection,
        _SQL["measure_listed"],
        {
            "church_id": church_id,
            "send_at": None,
            "segments_each": segments_each,
            "listed": deliveries,
            "default_limit": default_limit,
        },
    )


def _measure(connection: Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> Need:
    with connection.cursor(row_factory=class_row(Need)) as cursor:
        need = cursor.execute(query, parameters).fetchone()
    assert need is not None  # noqa: S101 - the church exists
    return need


def require_within_limit(need: Need | None) -> None:
    """Raises DailyLimitReached if the message is larger than the limit of a whole day."""
    if need is not None and need.segments > need.daily_limit:
        raise DailyLimitReached(need, left=need.daily_limit)


def reserve(connection: Connection[Any], *, church_id: UUID, need: Need | None) -> None:
    """Count the segments on their day. Raises DailyLimitReached and counts nothing if they do not fit.

    The row of the day stays locked until the transaction ends, so concurrent messages cannot exceed the limit together.
    """
    if need is None:
        return
    parameters = {
        "church_id": church_id,
        "day": need.day,
        "segments": need.segments,
        "daily_limit": need.daily_limit,
    }
    if connection.execute(_SQL["reserve"], parameters).fetchone() is None:
        refuse(connection, church_id=church_id, need=need)


def refuse(connection: Connection[Any], *, church_id: UUID, need: Need) -> NoReturn:
    """Raise DailyLimitReached for segments that could not be reserved."""
    row = connection.execute(_SQL["get_counted"], {"church_id": church_id, "day": need.day}).fetchone()
    raise DailyLimitReached(need, left=max(0, need.daily_limit - (row[0] if row else 0)))


def change_reservation(connection: Connection[Any], *, church_id: UUID, message_id: UUID, need: Need | None) -> None:
    """Replace the reservation of a locked message that was changed. Raises DailyLimitReached.

    A message that takes no more than before on the same day always fits, even if the limit was lowered meanwhile.
    """
    names = {"church_id": church_id, "message_id": message_id}
    row = connection.execute(_SQL["get_reservation"], names).fetchone()
    old_day, old_segments = row if row else (None, 0)
    days = [day for day in (old_day, need.day if need else None) if day is not None]
    connection.execute(_SQL["lock_days"], {"church_id": church_id, "days": days})
    if old_day is not None:
        _count(connection, church_id=church_id, day=old_day, segments=-old_segments)
    if need is not None and need.day == old_day and need.segments <= old_segments:
        _count(connection, church_id=church_id, day=need.day, segments=need.segments)
    else:
        reserve(connection, church_id=church_id, need=need)
    connection.execute(
        _SQL["set_reservation"],
        {**names, "day": need.day if need else None, "segments": need.segments if need else 0},
    )


def release(connection: Connection[Any], *, church_id: UUID, message_id: UUID, segments: int | None) -> None:
    """Return segments of a locked message to its day; `segments` None returns its whole reservation."""
    names = {"church_id": church_id, "message_id": message_id}
    row = connection.execute(_SQL["get_reservation"], names).fetchone()
    day, counted = row if row else (None, 0)
    returned = counted if segments is None else min(segments, counted)
    if day is not None and returned:
        _count(connection, church_id=church_id, day=day, segments=-returned)
        connection.execute(_SQL["set_reservation"], {**names, "day": day, "segments": counted - returned})


def forget_reservation(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> None:
    """Keep the message counted for good: what is sent again counts on another day, so release() returns nothing."""
    names = {"church_id": church_id, "message_id": message_id}
    connection.execute(_SQL["set_reservation"], {**names, "day": None, "segments": 0})


def count_audiences(
    connection: Connection[Any], *, queued: Mapping[UUID, int], segment_weight: int, default_limit: int | None
) -> dict[UUID, int]:
    """Count messages that were just expanded by their real size, and return how many deliveries of each may be sent.

    `queued` is how many deliveries each message has queued. Those beyond the limit fail with the reason `daily limit`.
    `default_limit` None: only the churches' own apply.
    """
    names = {"message_ids": list(queued), "segment_weight": segment_weight, "default_limit": default_limit}
    with connection.cursor(row_factory=class_row(_Reservation)) as cursor:
        reservations = cursor.execute(_SQL["lock_days_of_messages"], names).fetchall()
    sent: dict[UUID, int] = {}
    changed: list[_Reservation] = []
    counted: dict[tuple[UUID, date], int] = {}
    for each in reservations:
        on_day = counted.get((each.church_id, each.day), each.counted)
        allowed = each.allowed(queued[each.message_id], counted=on_day)
        if allowed < queued[each.message_id]:
            beyond = {"message_id": each.message_id, "allowed": allowed}
            connection.execute(_SQL["fail_deliveries_beyond_limit"], beyond)
        if allowed * each.segments_each != each.reserved:
            changed.append(each)
            counted[each.church_id, each.day] = on_day + allowed * each.segments_each - each.reserved
        sent[each.message_id] = allowed
    if changed:
        churches, days = zip(*counted, strict=True)
        connection.execute(
            _SQL["set_counted"],
            {"church_ids": list(churches), "days": list(days), "segments": list(counted.values())},
        )
        connection.execute(
            _SQL["set_reservations"],
            {
                "message_ids": [each.message_id for each in changed],
                "days": [each.day for each in changed],
                "segments": [sent[each.message_id] * each.segments_each for each in changed],
            },
        )
    return sent


def _count(connection: Connection[Any], *, church_id: UUID, day: date, segments: int) -> None:
    connection.execute(_SQL["count_on_day"], {"church_id": church_id, "day": day, "segments": segments})


def get(connection: Connection[Any], church_id: UUID) -> ChurchLimits | None:
    with connection.cursor(row_factory=class_row(ChurchLimits)) as cursor:
        return cursor.execute(_SQL["get_limits"], {"church_id": church_id}).fetchone()


def set_daily_limit(connection: Connection[Any], *, church_id: UUID, daily_limit: int | None) -> None:
    """Set the church's own limit; None: the default of the settings applies."""
    connection.execute(_SQL["set_daily_limit"], {"church_id": church_id, "daily_limit": daily_limit})


def set_regions(connection: Connection[Any], *, church_id: UUID, regions: Sequence[str] | None) -> None:
    """Set the regions that the church may text, as ISO 3166 codes; None: the default of the settings applies."""
    codes = None if regions is None else list(regions)
    connection.execute(_SQL["set_regions"], {"church_id": church_id, "regions": codes})


def regions(connection: Connection[Any], *, church_id: UUID, default_regions: Sequence[str]) -> frozenset[str]:
    """Returns the regions whose numbers the church may text, as ISO 3166 codes."""
    row = connection.execute(
        _SQL["get_regions"], {"church_id": church_id, "default_regions": list(default_regions)}
    ).fetchone()
    return frozenset(row[0]) if row else frozenset()
