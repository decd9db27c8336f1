"""How many segments a church may send in a day, and in a month if it has a quota.

They are reserved when a message is accepted and corrected when it is expanded. A month is the sum of its days. Rows are
locked in one order: messages, then months, then days, then deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from typing import Any, LiteralString, NoReturn
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from messaging.states import DAILY_LIMIT_REASON, MONTHLY_QUOTA_REASON
from store import audiences, sql

_SQL = sql.load("daily_limits")

NEARLY_USED = 0.8
"""The part of a monthly quota from which on churches and operators are warned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """The segments that a message takes of its church's limits, on one day of the church's calendar."""

    day: date
    segments: int
    daily_limit: int
    time_zone: str
    monthly_quota: int | None = None
    """None: the church has none."""

    @property
    def month(self) -> date:
        return self.day.replace(day=1)

    @property
    def next_month(self) -> date:
        """When the quota begins anew, at midnight in `time_zone`."""
        return (self.month + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fits:
    """Whether segments could be reserved: in their month, and also on their day."""

    month: bool
    day: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reservation:
    """What a message has reserved of its day, and what is counted on that day: of all messages, this one included."""

    message_id: UUID
    church_id: UUID
    day: date
    reserved: int
    segments_each: int
    daily_limit: int | None
    on_day: int
    monthly_quota: int | None
    in_month: int

    @property
    def month(self) -> date:
        return self.day.replace(day=1)

    def room(self, *, added_on_day: int, added_in_month: int) -> tuple[float, str]:
        """Return how many segments others have not reserved, and what limits them.

        `added_on_day` and `added_in_month` were counted since the row was read.
        """
        on_day = self._left(self.daily_limit, self.on_day + added_on_day)
        in_month = self._left(self.monthly_quota, self.in_month + added_in_month)
        return min(on_day, in_month), DAILY_LIMIT_REASON if on_day <= in_month else MONTHLY_QUOTA_REASON

    def _left(self, limit: int | None, counted: int) -> float:
        return inf if limit is None else max(0, limit - counted + self.reserved)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedDeliveries:
    """How many deliveries a message has queued. `segments`: of their texts together, if each has a text of its own."""

    deliveries: int
    segments: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedAudience:
    """How many deliveries of a message may be sent."""

    sent: int
    segments: int
    """What these count against the limits."""
    nearly_used: bool
    """Whether most of the church's monthly quota is used now and was not before this message was counted."""


def is_nearly_used(counted: int, quota: int | None) -> bool:
    """Returns whether so many segments of a month are close to its quota."""
    return quota is not None and counted >= quota * NEARLY_USED


class LimitReached(Exception):
    """The church may not send this much. `left` segments could still be sent."""

    def __init__(self, need: Need, *, left: int, limit: str) -> None:
        super().__init__(f"the {limit} is reached")
        self.need = need
        self.left = left


class DailyLimitReached(LimitReached):
    """The church may not send this much on that day."""

    def __init__(self, need: Need, *, left: int) -> None:
        super().__init__(need, left=left, limit=DAILY_LIMIT_REASON)


class MonthlyQuotaReached(LimitReached):
    """The church may not send this much in the month of that day."""

    def __init__(self, need: Need, *, left: int) -> None:
        super().__init__(need, left=left, limit=MONTHLY_QUOTA_REASON)


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
    if audiences.has_groups(target):
        in_target = {"target_type": target_type, "target": Jsonb(target), "address_kind": AddressKind.PHONE.value}
        smart_members = audiences.smart_members(connection, church_id=church_id, target=target)
        return _measure(connection, _SQL["measure_groups"], {**names, **in_target, **smart_members})
    if target_type == "all":
        return _measure(connection, _SQL["measure_all"], names)
    if target_type == "contacts":
        return _measure(connection, _SQL["measure_contacts"], {**names, "contact_ids": target["contactIds"]})
    listed = target.get("phoneNumbers") or target.get("emailAddresses") or ()
    return _measure(connection, _SQL["measure_listed"], {**names, "listed": len(set(listed))})


def measure_resend(connection: Connection[Any], *, church_id: UUID, segments: int, default_limit: int) -> Need | None:
    """Returns what it takes to send this many segments again today; None if there are none to count."""
    if segments == 0:
        return None
    return _measure(
        connection,
        _SQL["measure_listed"],
        {
            "church_id": church_id,
            "send_at": None,
            "segments_each": segments,
            "listed": 1,
            "default_limit": default_limit,
        },
    )


def _measure(connection: Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> Need:
    with connection.cursor(row_factory=class_row(Need)) as cursor:
        need = cursor.execute(query, parameters).fetchone()
    assert need is not None  # noqa: S101 - the church exists
    return need


def require_within_limit(need: Need | None) -> None:
    """Raises LimitReached if the message is larger than the limit of a whole day or the quota of a whole month."""
    if need is not None and need.monthly_quota is not None and need.segments > need.monthly_quota:
        raise MonthlyQuotaReached(need, left=need.monthly_quota)
    if need is not None and need.segments > need.daily_limit:
        raise DailyLimitReached(need, left=need.daily_limit)


def reserve(connection: Connection[Any], *, church_id: UUID, need: Need | None) -> None:
    """Count the segments on their day and in their month. Raises LimitReached if they do not fit; then roll back.

    The rows stay locked until the transaction ends, so concurrent messages cannot exceed a limit together.
    """
    if need is None:
        return
    parameters = {
        "church_id": church_id,
        "day": need.day,
        "segments": need.segments,
        "daily_limit": need.daily_limit,
        "monthly_quota": need.monthly_quota,
    }
    row = connection.execute(_SQL["reserve"], parameters).fetchone()
    assert row is not None  # noqa: S101 - always one row
    fits = Fits(month=row[0], day=row[1])
    if not fits.day:
        refuse(connection, church_id=church_id, need=need, fits=fits)


def refuse(connection: Connection[Any], *, church_id: UUID, need: Need, fits: Fits) -> NoReturn:
    """Raise LimitReached for segments that could not be reserved."""
    row = connection.execute(_SQL["get_counted"], {"church_id": church_id, "day": need.day}).fetchone()
    on_day, in_month = row or (0, 0)
    if not fits.month:
        raise MonthlyQuotaReached(need, left=max(0, (need.monthly_quota or 0) - in_month))
    raise DailyLimitReached(need, left=max(0, need.daily_limit - on_day))


def change_reservation(connection: Connection[Any], *, church_id: UUID, message_id: UUID, need: Need | None) -> None:
    """Replace the reservation of a locked message that was changed. Raises LimitReached.

    A message that takes no more than before on the same day always fits, even if a limit was lowered meanwhile.
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
    """Return segments of a locked message to its day and month; `segments` None returns its whole reservation."""
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
    connection: Connection[Any],
    *,
    queued: Mapping[UUID, QueuedDeliveries],
    segment_weight: int,
    default_limit: int | None,
) -> dict[UUID, CountedAudience]:
    """Count messages that were just expanded by their real size, and return how many deliveries of each may be sent.

    `queued` is what each message has queued. Those beyond a limit fail with the reason `daily limit` or
    `monthly quota`. `default_limit` None: only the churches' own apply.
    """
    names = {"message_ids": list(queued), "segment_weight": segment_weight, "default_limit": default_limit}
    with connection.cursor(row_factory=class_row(_Reservation)) as cursor:
        reservations = cursor.execute(_SQL["lock_days_of_messages"], names).fetchall()
    audiences: dict[UUID, CountedAudience] = {}
    changed: list[_Reservation] = []
    on_days: Counter[tuple[UUID, date]] = Counter()
    in_months: Counter[tuple[UUID, date]] = Counter()
    for each in reservations:
        day, month = (each.church_id, each.day), (each.church_id, each.month)
        room, reason = each.room(added_on_day=on_days[day], added_in_month=in_months[month])
        allowed, segments = _fitting(connection, each, queued[each.message_id], room=room, weight=segment_weight)
        if allowed < queued[each.message_id].deliveries:
            beyond = {"message_id": each.message_id, "allowed": allowed, "reason": reason}
            connection.execute(_SQL["fail_deliveries_beyond_limit"], beyond)
        added, before = segments - each.reserved, each.in_month + in_months[month]
        if added:
            changed.append(each)
            on_days[day] += added
            in_months[month] += added
        audiences[each.message_id] = CountedAudience(
            sent=allowed,
            segments=segments,
            nearly_used=is_nearly_used(before + added, each.monthly_quota)
            and not is_nearly_used(before, each.monthly_quota),
        )
    if changed:
        _correct_reservations(connection, changed, audiences=audiences, on_days=on_days)
    return audiences


def _fitting(
    connection: Connection[Any], each: _Reservation, queued: QueuedDeliveries, *, room: float, weight: int
) -> tuple[int, int]:
    """Return how many of the message's deliveries fit, the first ones, and what they count."""
    if queued.segments is None:
        allowed = int(min(queued.deliveries, room // each.segments_each))
        return allowed, allowed * each.segments_each
    if queued.segments * weight <= room:
        return queued.deliveries, queued.segments * weight
    names = {"message_id": each.message_id, "room": int(room // weight)}
    row = connection.execute(_SQL["count_fitting"], names).fetchone()
    assert row is not None  # noqa: S101 - counts are always returned
    return row[0], row[1] * weight


def _correct_reservations(
    connection: Connection[Any],
    changed: Sequence[_Reservation],
    *,
    audiences: Mapping[UUID, CountedAudience],
    on_days: Mapping[tuple[UUID, date], int],
) -> None:
    churches, days = zip(*on_days, strict=True)
    connection.execute(
        _SQL["add_counted"],
        {"church_ids": list(churches), "days": list(days), "segments": list(on_days.values())},
    )
    connection.execute(
        _SQL["set_reservations"],
        {
            "message_ids": [each.message_id for each in changed],
            "days": [each.day for each in changed],
            "segments": [audiences[each.message_id].segments for each in changed],
        },
    )


def _count(connection: Connection[Any], *, church_id: UUID, day: date, segments: int) -> None:
    connection.execute(_SQL["count_on_day"], {"church_id": church_id, "day": day, "segments": segments})
