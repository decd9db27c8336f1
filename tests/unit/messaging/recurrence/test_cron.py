"""The wall times of cron lines: examples, and a comparison with croniter."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.recurrence.cron import read_cron
from messaging.recurrence.rule import InvalidRecurrence, Steps


def first(line: str, start: str, *, number: int = 3) -> list[str]:
    begin = datetime.fromisoformat(start)
    walls = read_cron(line).wall_times(
        start=begin, since=begin, last_day=(begin + timedelta(days=20 * 366)).date(), steps=Steps()
    )
    return [wall.isoformat(sep=" ", timespec="minutes") for wall, _ in zip(walls, range(number), strict=False)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0 9 * * SUN", ["2026-01-04 09:00", "2026-01-11 09:00", "2026-01-18 09:00"]),
        ("0 9 * * 0", ["2026-01-04 09:00", "2026-01-11 09:00", "2026-01-18 09:00"]),
        ("0 9 * * 7", ["2026-01-04 09:00", "2026-01-11 09:00", "2026-01-18 09:00"]),
        ("30 8 * * mon-fri", ["2026-01-01 08:30", "2026-01-02 08:30", "2026-01-05 08:30"]),
        ("*/30 9 1 * *", ["2026-01-01 09:00", "2026-01-01 09:30", "2026-02-01 09:00"]),
        ("0 8-20/6 1 JAN *", ["2026-01-01 08:00", "2026-01-01 14:00", "2026-01-01 20:00"]),
        ("0 9 31 * *", ["2026-01-31 09:00", "2026-03-31 09:00", "2026-05-31 09:00"]),
        ("0 9 29 2 *", ["2028-02-29 09:00", "2032-02-29 09:00", "2036-02-29 09:00"]),
        # Both days are restricted: one match is enough.
        ("0 9 13 * FRI", ["2026-01-02 09:00", "2026-01-09 09:00", "2026-01-13 09:00"]),
        # One of them begins with a star: both must match.
        ("0 9 */2 * FRI", ["2026-01-09 09:00", "2026-01-23 09:00", "2026-02-13 09:00"]),
    ],
)
def test_a_line_has_these_wall_times(line: str, expected: list[str]) -> None:
    assert first(line, "2026-01-01 00:00") == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "five fields"),
        ("@weekly", "five fields"),
        ("0 0 9 * * SUN", "five fields"),
        ("60 9 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 9 0 * *", "day of the month"),
        ("0 9 * 13 *", "month"),
        ("0 9 * * 8", "day of the week"),
        ("0 9 * * SONNTAG", "day of the week"),
        ("0 9 * * FRI-MON", "day of the week"),
        ("0 9 * * 5L", "day of the week"),
        ("0 9 L * *", "day of the month"),
        ("0 9 ? * *", "day of the month"),
        ("R 9 * * *", "minute"),
        ("0 */0 * * *", "hour"),
        ("0 9/2 * * *", "a step needs a range"),
        ("0,, 9 * * *", "minute"),
        ("0 ٩ * * *", "hour"),
        ("* * * * *", "more often than every 15 minutes"),
        ("*/10 * * * *", "more often than every 15 minutes"),
        ("0,50 0,23 * * *", "more often than every 15 minutes"),
    ],
)
def test_an_invalid_line_is_refused_with_the_reason(line: str, words: str) -> None:
    with pytest.raises(InvalidRecurrence, match=words):
        first(line, "2026-01-01 00:00")


def test_a_line_without_any_run_ends_within_the_step_limit() -> None:
    assert first("0 9 30 2 *", "2026-01-01 00:00") == []


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    numbers = st.integers(least, most)
    # (croniter reads a span of one number as all numbers.)
    spans = (
        st.tuples(numbers, numbers)
        .map(sorted)
        .filter(lambda span: span[0] < span[1])
        .map(lambda span: f"{span[0]}-{span[1]}")
    )
    stepped = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 12)).map(lambda part: f"{part[0]}/{part[1]}")
    part = st.one_of(numbers.map(str), spans, stepped)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    minute=st.sampled_from(["0", "5", "*/15", "10,40"]),
    hour=_field(0, 23),
    month_day=_field(1, 31),
    month=_field(1, 12),
    weekday=_field(0, 6),
    start=st.datetimes(datetime.fromisoformat("2023-01-01"), datetime.fromisoformat("2028-12-31")),
)
def test_croniter_has_the_same_wall_times(
    minute: str, hour: str, month_day: str, month: str, weekday: str, start: datetime
) -> None:
    """Without `*/2` beside another restricted day, where croniter differs; the examples above have such lines."""
    if "*" in month_day or "*" in weekday:
        month_day, weekday = month_day if not month_day.startswith("*") else "*", "*"
    line = f"{minute} {hour} {month_day} {month} {weekday}"
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(days=400)

    ours = list(islice(read_cron(line).wall_times(start=start, since=start, last_day=end.date(), steps=Steps()), 100))

    theirs = croniter(line, start - timedelta(minutes=1), ret_type=datetime, max_years_between_matches=30)
    for wall in ours:
        assert wall == theirs.get_next()
