"""Nobody is texted outside the window of their own clock, and nobody waits longer than they must."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.quiet_hours import ANY_HOUR, USUAL, Window, opening, quiet_until
from messaging.wall_time import find_zone, zone_names
from tests.harness.clock_changes import clock_changes

NEW_YORK, HONOLULU = find_zone("America/New_York"), find_zone("Pacific/Honolulu")
WINDOWS = (USUAL, Window(opens=90, closes=150), Window(opens=0, closes=60), Window(opens=23 * 60 + 30, closes=1440))
"""The usual, and some whose edges lie in hours that are skipped or shown twice."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}+00:00")


@pytest.mark.parametrize(
    ("instant", "zones", "until"),
    [
        ("06-01 12:00", [], None),  # 08:00 in New York
        ("06-01 11:59:59", [], "06-01 12:00"),
        ("06-02 00:59:59", [], None),  # 20:59:59
        ("06-02 01:00", [], "06-02 12:00"),
        ("06-01 12:00", ["America/Chicago"], "06-01 13:00"),
        ("06-01 12:00", ["America/Chicago", "America/New_York"], "06-01 13:00"),
        ("06-02 01:30", ["America/Chicago", "America/New_York"], "06-02 13:00"),  # open in one only is not open
        ("06-01 12:00", ["America/New_York", "Pacific/Honolulu"], "06-01 18:00"),
        ("03-08 03:00", [], "03-08 12:00"),  # the night in which an hour is left out
        ("11-01 03:00", [], "11-01 13:00"),  # and the one that has an hour more
    ],
)
def test_a_text_waits_for_the_window(instant: str, zones: list[str], until: str | None) -> None:
    found = quiet_until(at(instant), zones=[find_zone(zone) for zone in zones], church=NEW_YORK, window=USUAL)

    assert found == (at(until) if until else None)


def test_zones_without_an_hour_in_common_leave_it_to_the_church() -> None:
    hour = Window(opens=9 * 60, closes=10 * 60)

    assert quiet_until(at("06-01 12:00"), zones=[NEW_YORK, HONOLULU], church=NEW_YORK, window=hour) == at("06-01 13:00")
    assert quiet_until(at("06-01 13:30"), zones=[NEW_YORK, HONOLULU], church=NEW_YORK, window=hour) is None


@pytest.mark.parametrize(("opens", "closes"), [(480, 480), (1260, 480), (-1, 60), (0, 1441)])
def test_a_window_opens_before_it_closes(opens: int, closes: int) -> None:
    with pytest.raises(ValueError, match="opens before it closes"):
        Window(opens=opens, closes=closes)


def test_the_window_of_any_hour_is_always_open() -> None:
    assert all(
        quiet_until(at("01-01 00:00") + timedelta(minutes=7 * n), zones=[], church=NEW_YORK, window=ANY_HOUR) is None
        for n in range(0, 75_000, 97)
    )


def test_around_every_change_of_every_clock_none_is_texted_outside_and_none_waits_too_long() -> None:
    """Both edges, five years: minute by minute, by the clock that people see."""
    changes = clock_changes(2025, 2029)
    assert len(changes) > 150
    for (change, _, _), name in changes.items():
        zone = find_zone(name)
        start = change - timedelta(hours=30)
        minutes = [start + timedelta(minutes=n) for n in range(80 * 60)]
        walls = [minute.astimezone(zone) for minute in minutes]
        for window in WINDOWS:
            expected: datetime | None = None
            earliest: list[datetime | None] = []
            for minute, wall in zip(reversed(minutes), reversed(walls), strict=True):
                if window.opens <= wall.hour * 60 + wall.minute < window.closes:
                    expected = minute
                earliest.append(expected)
            earliest.reverse()
            for place in range(0, 50 * 60, 23):
                assert opening(minutes[place], zone, window) == earliest[place], (name, window, minutes[place])


def test_every_zone_there_is_gives_a_wait_that_ends_inside() -> None:
    for name in zone_names():
        zone = find_zone(name)
        for hour in range(0, 24 * 366, 97):
            instant = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=hour, seconds=hour)
            until = quiet_until(instant, zones=[zone], church=NEW_YORK, window=USUAL)
            wall = (until or instant).astimezone(zone)
            assert 8 <= wall.hour < 21
            assert until is None or timedelta(0) < until - instant <= timedelta(hours=12)
