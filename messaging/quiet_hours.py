"""When people may be texted: inside their church's window, by the clocks where they are.

In the United States 08:00 to 21:00 in the recipient's local time (47 CFR 64.1200(c)(1)). The database answers the same
(`window_opening` and `quiet_until`), and is tested against this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTES_OF_A_DAY = 24 * 60
_MINUTE = timedelta(minutes=1)
_SEARCH = timedelta(hours=72)
"""Zones that have had no hour in common for this long have none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """From when until when, in minutes since midnight; the last is outside. It does not reach over midnight."""

    opens: int = 8 * 60
    closes: int = 21 * 60

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= MINUTES_OF_A_DAY:
            raise ValueError("a window opens before it closes, on the same day")

    def holds(self, wall: datetime) -> bool:
        """Whether a clock that shows this is inside."""
        return self.opens <= wall.hour * 60 + wall.minute < self.closes


USUAL = Window()
ANY_HOUR = Window(opens=0, closes=MINUTES_OF_A_DAY)


def quiet_until(instant: datetime, *, zones: Sequence[ZoneInfo], church: ZoneInfo, window: Window) -> datetime | None:
    """None when a text may go at the instant, else the first instant at which it may, in UTC.

    The clocks of all the zones must be inside; the church's, when there are none or they have no hour in common.
    """
    candidate = instant.astimezone(UTC)
    while candidate <= instant + _SEARCH:
        later = max(opening(candidate, zone, window) for zone in zones or (church,))
        if later == candidate:
            return None if candidate == instant else candidate
        candidate = later
    return quiet_until(instant, zones=(), church=church, window=window)


def opening(instant: datetime, zone: ZoneInfo, window: Window) -> datetime:
    """The first instant, from the given one on, at which the zone's clock is inside. In UTC."""
    instant = instant.astimezone(UTC)
    wall = instant.astimezone(zone)
    if window.holds(wall):
        return instant
    since_midnight = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    # When it opens if the clock is not changed before.
    unchanged = instant + (timedelta(minutes=window.opens) - since_midnight) % timedelta(days=1)
    if unchanged.astimezone(zone).utcoffset() == wall.utcoffset():
        return unchanged
    return opening(_change(instant, unchanged, zone), zone, window)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The minute at which the zone's clock is changed, between two instants that show it with different offsets."""
    offset = before.astimezone(zone).utcoffset()
    low, high = before.replace(second=0, microsecond=0), after.replace(second=0, microsecond=0)
    high += _MINUTE if high < after else timedelta(0)
    while high - low > _MINUTE:
        middle = low + (high - low) // _MINUTE // 2 * _MINUTE
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
