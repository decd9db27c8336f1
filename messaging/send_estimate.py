"""When a message would be sent completely: an estimate from the sender's pace and the hours in which people text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from messaging.quiet_hours import Window
from messaging.wall_time import to_instant, to_wall

_MOST_DAYS = 366
_MIDNIGHT = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Recipients who may be texted from the same time on."""

    begins_at: datetime | None
    """When their quiet hours end; None: they may be texted at once."""
    segments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TextingHours:
    """A church's hours by the clock of its zone: an approximation for people in other zones."""

    window: Window
    zone: ZoneInfo


def estimate_end(
    waves: Sequence[Wave],
    *,
    begins_at: datetime,
    segments_before: int,
    segments_per_second: float | None,
    hours: TextingHours | None,
) -> datetime | None:
    """Returns when the last segment leaves; None if that takes more than a year.

    `begins_at`: when the message is due. `segments_before` leave first, from then on. Without a pace, segments take no
    time. `hours` None: there are no quiet hours.
    """
    ends_at = _after(segments_before, begins_at, segments_per_second, hours) if segments_before else begins_at
    for wave in sorted(waves, key=lambda wave: wave.begins_at or begins_at):
        if ends_at is None:
            return None
        ends_at = _after(wave.segments, max(ends_at, wave.begins_at or ends_at), segments_per_second, hours)
    return ends_at


def _after(segments: int, instant: datetime, pace: float | None, hours: TextingHours | None) -> datetime | None:
    """Return when so many segments have left, from an instant at which sending is allowed."""
    seconds_left = 0.0 if pace is None else segments / pace
    for _ in range(_MOST_DAYS):
        closes_at = None if hours is None else _closing(instant, hours)
        if closes_at is None or instant + timedelta(seconds=min(seconds_left, 10**9)) <= closes_at:
            return instant + timedelta(seconds=seconds_left) if seconds_left < 10**9 else None
        seconds_left -= max(0.0, (closes_at - instant).total_seconds())
        assert hours is not None  # noqa: S101 - it closes
        instant = _next_opening(closes_at, hours)
    return None


def _closing(instant: datetime, hours: TextingHours) -> datetime:
    """Return when the hours end that the instant is in, or those after it."""
    wall = to_wall(instant, hours.zone)
    minute = wall.hour * 60 + wall.minute
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if minute >= hours.window.closes:
        day += timedelta(days=1)
    return to_instant(day + timedelta(minutes=hours.window.closes), hours.zone)


def _next_opening(closes_at: datetime, hours: TextingHours) -> datetime:
    wall = to_wall(closes_at, hours.zone)
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if hours.window.closes < _MIDNIGHT:
        day += timedelta(days=1)
    return to_instant(day + timedelta(minutes=hours.window.opens), hours.zone)
