"""Conversion between wall times and instants.

A wall time is a naive `datetime`, as a clock shows it; an instant is an aware one in UTC. A wall time that does not
exist, because clocks are put forward, is read with the offset before the gap: it moves later by the length of the gap.
A wall time that exists twice, because clocks are put back, is the first of the two (RFC 5545, section 3.3.5).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_FILES = files("tzdata")

LONGEST_GAP = timedelta(hours=24)
"""The longest gap that any zone ever had (Samoa skipped 30 December 2011)."""

_PLACEHOLDER = "Factory"
"""Listed among the zones, but stands for no time zone."""


class UnknownZone(ValueError):
    """Not the name of a zone in the IANA database; the message is for people."""


@cache
def zone_names() -> frozenset[str]:
    """Returns the names of all zones, links included, from the pinned tzdata package; the host's may be years old."""
    return frozenset(_FILES.joinpath("zones").read_text().split()) - {_PLACEHOLDER}


@cache
def find_zone(name: str) -> ZoneInfo:
    """Returns the zone of that name, such as `America/New_York`. Raises UnknownZone."""
    if name not in zone_names():
        raise UnknownZone("must be a time zone of the IANA database, such as America/New_York")
    with _FILES.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def to_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Returns the instant, in UTC, of a wall time in the zone."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def to_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """Returns the wall time of an instant in the zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
