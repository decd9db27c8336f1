"""Times as clocks on the wall show them, and the instants they stand for.

A wall time is a `datetime` without a zone; an instant is an aware one in UTC. Where clocks are put forward, a wall time
that does not exist is read with the offset before the gap, which moves it later by as much as the gap is long. Where
they are put back, a wall time that exists twice is the first of the two (RFC 5545, section 3.3.5).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_FILES = files("tzdata")

LONGEST_GAP = timedelta(hours=24)
"""The most that a zone ever put its clocks forward at once (Samoa left out 30 December 2011)."""

_NO_PLACE = "Factory"
"""What stands among the zones and is none."""


class UnknownZone(ValueError):
    """Not the name of a zone in the IANA database; the message says so to a person."""


@cache
def zone_names() -> frozenset[str]:
    """Every zone there is, links included: those of the locked tzdata, not of the host, which may be years behind."""
    return frozenset(_FILES.joinpath("zones").read_text().split()) - {_NO_PLACE}


@cache
def find_zone(name: str) -> ZoneInfo:
    """The zone of that name, such as `America/New_York`. Raises UnknownZone."""
    if name not in zone_names():
        raise UnknownZone("must be a time zone of the IANA database, such as America/New_York")
    with _FILES.joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def to_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant in UTC that the wall time stands for."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def to_wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in the zone show at the instant, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
