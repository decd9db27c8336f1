"""The runs of a rule in a time zone: each once and in order, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from messaging.recurrence.rule import InvalidRecurrence, Steps
from messaging.recurrence.runs import Recurrence, recurrence_by_cron, recurrence_by_rrule
from messaging.wall_time import find_zone, to_wall, zone_names

NEW_YORK = "America/New_York"


wall = datetime.fromisoformat


def by_rrule(text: str, start: str, zone: str = NEW_YORK, *, end: str | None = None) -> Recurrence:
    return recurrence_by_rrule(
        text,
        zone=find_zone(zone),
        starts_at=datetime.fromisoformat(start),
        ends_at=datetime.fromisoformat(end) if end else None,
    )


def runs(recurrence: Recurrence, after: str, *, number: int) -> list[str]:
    """The instant in UTC and, after a slash, the wall time of each run."""
    found = recurrence.runs_after(datetime.fromisoformat(after))
    return [f"{run.at:%m-%d %H:%M} / {run.wall:%H:%M}" for run, _ in zip(found, range(number), strict=False)]


def test_the_wall_time_stays_the_same_when_clocks_change() -> None:
    sundays = by_rrule("FREQ=WEEKLY;BYDAY=SU", "2026-01-04 09:00")

    assert runs(sundays, "2026-02-28T00:00Z", number=3) == [
        "03-01 14:00 / 09:00",
        "03-08 13:00 / 09:00",  # clocks were put forward at two
        "03-15 13:00 / 09:00",
    ]
    assert runs(sundays, "2026-10-24T00:00Z", number=2) == ["10-25 13:00 / 09:00", "11-01 14:00 / 09:00"]


def test_a_wall_time_that_does_not_exist_runs_once_later_by_the_length_of_the_gap() -> None:
    nightly = by_rrule("FREQ=DAILY", "2026-03-07 02:30")

    assert runs(nightly, "2026-03-07T08:00Z", number=2) == ["03-08 07:30 / 02:30", "03-09 06:30 / 02:30"]
    assert to_wall(datetime(2026, 3, 8, 7, 30, tzinfo=UTC), find_zone(NEW_YORK)) == wall("2026-03-08 03:30")


def test_a_wall_time_that_exists_twice_runs_once_at_the_first() -> None:
    nightly = by_rrule("FREQ=DAILY", "2026-10-31 01:30")

    assert runs(nightly, "2026-10-31T06:00Z", number=2) == ["11-01 05:30 / 01:30", "11-02 06:30 / 01:30"]
    assert runs(nightly, "2026-11-01T05:30Z", number=1) == ["11-02 06:30 / 01:30"]


def test_runs_that_a_gap_moves_are_in_the_order_of_time() -> None:
    often = by_rrule("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,15,30,45", "2026-03-01 00:00")

    assert runs(often, "2026-03-08T06:00Z", number=5) == [
        "03-08 07:00 / 02:00",  # 03:00 is the same instant
        "03-08 07:15 / 02:15",
        "03-08 07:30 / 02:30",
        "03-08 07:45 / 02:45",
        "03-09 06:00 / 02:00",
    ]
    hourly = recurrence_by_cron("50 * * * *", zone=find_zone(NEW_YORK), starts_at=wall("2026-01-01 00:00"))
    assert runs(hourly, "2026-03-08T06:30Z", number=3) == [
        "03-08 06:50 / 01:50",
        "03-08 07:50 / 02:50",
        "03-08 08:50 / 04:50",
    ]


def test_a_run_on_a_day_that_a_zone_skipped_is_on_the_next_day() -> None:
    """Samoa skipped 30 December 2011: 9:00 on the 30th is the same instant as 9:00 on the 31st."""
    daily = by_rrule("FREQ=DAILY", "2011-12-28 09:00", "Pacific/Apia")

    assert runs(daily, "2011-12-28T00:00Z", number=4) == [
        "12-28 19:00 / 09:00",
        "12-29 19:00 / 09:00",
        "12-30 19:00 / 09:00",
        "12-31 19:00 / 09:00",
    ]


def test_runs_are_strictly_after_the_instant_and_within_start_and_end() -> None:
    daily = by_rrule("FREQ=DAILY", "2026-01-02 09:00", end="2026-01-04 09:00")

    assert runs(daily, "2025-01-01T00:00Z", number=9) == [
        "01-02 14:00 / 09:00",
        "01-03 14:00 / 09:00",
        "01-04 14:00 / 09:00",
    ]
    assert runs(daily, "2026-01-03T14:00Z", number=9) == ["01-04 14:00 / 09:00"]
    assert runs(daily, "2026-01-03T13:59:59Z", number=1) == ["01-03 14:00 / 09:00"]
    assert daily.next_run(datetime(2026, 1, 4, 14, tzinfo=UTC)) is None


def test_until_in_utc_ends_the_rule_at_that_instant() -> None:
    daily = by_rrule("FREQ=DAILY;UNTIL=20260103T140000Z", "2026-01-02 09:00")

    assert runs(daily, "2025-01-01T00:00Z", number=9) == ["01-02 14:00 / 09:00", "01-03 14:00 / 09:00"]


def test_a_dtstart_in_the_text_is_used_as_the_start() -> None:
    text = "DTSTART;TZID=America/New_York:20260104T090000\nRRULE:FREQ=WEEKLY;COUNT=2"
    weekly = recurrence_by_rrule(text, zone=find_zone(NEW_YORK), starts_at=None)

    assert weekly.starts_at == wall("2026-01-04 09:00")
    assert runs(weekly, "2026-01-01T00:00Z", number=3) == ["01-04 14:00 / 09:00", "01-11 14:00 / 09:00"]


@pytest.mark.parametrize(
    ("text", "zone", "start", "words"),
    [
        ("FREQ=DAILY", NEW_YORK, None, "needs a start"),
        ("DTSTART:20260104T090000\nRRULE:FREQ=DAILY", NEW_YORK, wall("2026-01-04 10:00"), "differs"),
        ("DTSTART;TZID=Asia/Tokyo:20260104T090000\nRRULE:FREQ=DAILY", NEW_YORK, None, "another time zone"),
        ("DTSTART:20260104T090000Z\nRRULE:FREQ=DAILY", NEW_YORK, None, "local time"),
    ],
)
def test_a_missing_or_contradicting_start_is_refused(text: str, zone: str, start: datetime | None, words: str) -> None:
    with pytest.raises(InvalidRecurrence, match=words):
        recurrence_by_rrule(text, zone=find_zone(zone), starts_at=start)


def test_a_daily_rule_runs_once_a_day_in_every_zone() -> None:
    """At 02:30, where many zones change their clocks."""
    for name in sorted(zone_names())[::12]:
        zone = find_zone(name)
        daily = by_rrule("FREQ=DAILY;COUNT=1096", "2025-01-01 02:30", name)
        found = list(daily.runs_after(datetime(2024, 1, 1, tzinfo=UTC)))
        assert [run.wall.date() for run in found] == [
            wall("2025-01-01 00:00").date() + timedelta(days=n) for n in range(1096)
        ]
        for run in found:
            shown = to_wall(run.at, zone)
            moved = shown - run.wall
            assert moved == timedelta(0) or not _exists(run.wall, name), (name, run)
            assert moved in (timedelta(0), timedelta(minutes=30), timedelta(hours=1)), (name, run)


def _exists(wall: datetime, zone: str) -> bool:
    """Whether clocks show this wall time at any minute nearby."""
    start = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    return any(to_wall(start + timedelta(minutes=n), find_zone(zone)) == wall for n in range(30 * 60))


def test_a_rule_that_began_decades_ago_takes_no_more_steps_than_a_new_one() -> None:
    start, since, steps = wall("2000-01-01 09:00"), wall("2026-01-01 00:00"), Steps()
    rule = by_rrule("FREQ=DAILY", "2000-01-01 09:00").rule

    found = next(rule.wall_times(start=start, since=since, last_day=date(2046, 1, 1), steps=steps))

    assert found == wall("2026-01-01 09:00")
    assert steps.taken <= 4
