"""Conversion between wall times and instants."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from messaging.wall_time import UnknownZone, find_zone, to_instant, to_wall, zone_names


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("America/New_York", "2026-07-01 12:00", "2026-07-01T16:00+00:00"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08T07:30+00:00"),  # does not exist: 03:30 on the clock
        ("America/New_York", "2026-11-01 01:30", "2026-11-01T05:30+00:00"),  # exists twice: the first
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29T01:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:45+00:00"),  # a gap of half an hour
        ("Asia/Kathmandu", "2026-01-01 00:00", "2025-12-31T18:15+00:00"),
    ],
)
def test_a_wall_time_is_converted_to_one_instant(zone: str, wall: str, instant: str) -> None:
    assert to_instant(datetime.fromisoformat(wall), find_zone(zone)) == datetime.fromisoformat(instant)


def test_an_instant_is_converted_to_a_naive_wall_time() -> None:
    shown = to_wall(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), find_zone("America/New_York"))

    assert (shown, shown.tzinfo, shown.fold) == (datetime.fromisoformat("2026-11-01 01:30"), None, 0)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "america/new_york", "EST5", "../etc/passwd", "localtime", "/UTC"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        find_zone(name)


def test_all_zones_are_listed() -> None:
    assert len(zone_names()) > 400
