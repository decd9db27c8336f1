"""All changes of UTC offsets (such as daylight saving time) in all time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from messaging.wall_time import find_zone, zone_names


@cache
def clock_changes(first_year: int, last_year: int) -> dict[tuple[datetime, timedelta, timedelta], str]:
    """Return every change in these years: (instant, offset before, offset after), with one of the zones that have it.

    Zones with the same change at the same instant are equivalent for the tests.
    """
    found: dict[tuple[datetime, timedelta, timedelta], str] = {}
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    for name in sorted(zone_names()):
        zone = find_zone(name)
        day = datetime(first_year, 1, 1, tzinfo=UTC)
        offset = day.astimezone(zone).utcoffset()
        while day < end:
            later = day + timedelta(days=1)
            if later.astimezone(zone).utcoffset() != offset:
                minutes = [day + timedelta(minutes=n) for n in range(24 * 60 + 1)]
                change = next(each for each in minutes if each.astimezone(zone).utcoffset() != offset)
                after = change.astimezone(zone).utcoffset()
                assert offset is not None
                assert after is not None
                found.setdefault((change, offset, after), name)
                offset = later.astimezone(zone).utcoffset()
            day = later
    return found
