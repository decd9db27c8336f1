"""A year of schedules in a hundred time zones, with a clock that is often late: every run once, at its instant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from messaging.wall_time import find_zone, zone_names
from store.database import Database, open_database
from tests.harness.churches import create_church
from tests.integration.jobs.scheduling import make_schedule, rows, run_schedules

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
DAYS = [date(2025, 12, 30) + timedelta(days=n) for n in range(370)]
SUNDAYS = [day for day in DAYS if day.weekday() == 6]
LAST_DAYS = [day for day in DAYS if (day + timedelta(days=1)).day == 1]
NIGHT_CHANGES = ("America/New_York", "Australia/Lord_Howe", "America/Santiago", "Europe/Dublin")
"""Zones whose clocks change at night, when the daily schedule runs: by an hour, by half of one, at midnight."""

LATE_MINUTES = (0, 45, 360, 360)
"""How late the clock may be: less than the time between two runs of any schedule."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=2, name="test")
    yield database
    database.close()


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant at which the zone's clock shows this time, found by trying every quarter of an hour."""
    wall = datetime.combine(day, at)
    tried = [wall.replace(tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(-15 * 4, 13 * 4)]
    shown = [instant for instant in tried if instant.astimezone(zone).replace(tzinfo=None) == wall]
    if shown:
        return shown[0]
    before = tried[0].astimezone(zone).utcoffset()
    assert before is not None
    return wall.replace(tzinfo=UTC) - before


def expected(days: list[date], at: time, zone: str) -> list[datetime]:
    instants = (instant_of(day, at, find_zone(zone)) for day in days)
    return [instant for instant in instants if START < instant <= END]


KINDS: tuple[tuple[Literal["rrule", "cron"], str, list[date], list[time]], ...] = (
    ("cron", "0 18 28-31 * *", [day for day in DAYS if day.day >= 28], [time(18)]),
    ("rrule", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=8,17;BYMINUTE=45", LAST_DAYS, [time(8, 45), time(17, 45)]),
    ("rrule", "FREQ=WEEKLY;BYDAY=SU;BYHOUR=9;BYMINUTE=0", SUNDAYS, [time(9)]),
    ("rrule", "FREQ=DAILY", DAYS, [time(2, 15)]),
)
"""Rules, and the days and times that they stand for."""


@pytest.mark.extended
def test_every_run_of_a_year_is_recorded_once_at_its_instant(database: Database) -> None:
    church_id = create_church(database).church_id
    names = sorted(zone_names())
    hundred = [(zone, KINDS[number % 3]) for number, zone in enumerate(names[:: len(names) // 99])]
    runs: dict[object, list[datetime]] = {}
    for zone, (kind, rule, days, times) in hundred + [(zone, KINDS[3]) for zone in NIGHT_CHANGES]:
        schedule = make_schedule(
            database,
            church_id,
            kind=kind,
            rule=rule,
            zone=zone,
            starts_at="2025-12-01 02:15",
            after=START,
            within_seconds=60 * max(LATE_MINUTES),
        )
        runs[schedule.schedule_id] = sorted(instant for at in times for instant in expected(days, at, zone))
    assert len({zone for zone, _ in hundred}) >= 99

    made = _tick_through_the_year(database)

    found: dict[object, list[datetime]] = {}
    for schedule_id, run_at in rows(database, "SELECT schedule_id, run_at FROM schedule_runs ORDER BY run_at"):
        found.setdefault(schedule_id, []).append(run_at)
    assert found == runs
    assert rows(database, "SELECT DISTINCT outcome FROM schedule_runs") == [("sent",)]
    assert made == sum(map(len, runs.values()))
    assert rows(database, "SELECT count(*), count(DISTINCT (schedule_id, send_at)) FROM messages") == [(made, made)]


def _tick_through_the_year(database: Database) -> int:
    """Run the schedules up to six hours after they are due, which is within the time in which a missed run is sent."""
    ticks = random.Random(1)  # noqa: S311
    made = 0
    while True:
        [(due,)] = rows(database, "SELECT min(next_run_at) FROM schedules")
        if due > END:
            return made
        made += run_schedules(database, now=min(due + timedelta(minutes=ticks.choice(LATE_MINUTES)), END))
