"""The wall times of RFC 5545 rules: examples, and a comparison with python-dateutil."""

from __future__ import annotations

import datetime as datetime_module
from datetime import datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from unittest.mock import patch

import dateutil.rrule
import pytest
from dateutil.rrule import rrule, rruleset, rrulestr
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from messaging.recurrence.rrule import read_rrule
from messaging.recurrence.rule import InvalidRecurrence, Steps


def first(text: str, start: str, *, number: int = 5, since: str | None = None) -> list[str]:
    """The first wall times of a rule, to the minute."""
    begin = datetime.fromisoformat(start)
    walls = (
        read_rrule(text)
        .starting_at(begin)
        .wall_times(
            start=begin,
            since=datetime.fromisoformat(since) if since else begin,
            last_day=(begin + timedelta(days=20 * 366)).date(),
            steps=Steps(),
        )
    )
    return [wall.isoformat(sep=" ", timespec="minutes") for wall, _ in zip(walls, range(number), strict=False)]


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        ("FREQ=DAILY", "2026-12-30 09:00", ["2026-12-30 09:00", "2026-12-31 09:00", "2027-01-01 09:00"]),
        ("RRULE:FREQ=WEEKLY", "2026-01-04 10:30", ["2026-01-04 10:30", "2026-01-11 10:30", "2026-01-18 10:30"]),
        ("freq=weekly;byday=su,we", "2026-01-04 10:30", ["2026-01-04 10:30", "2026-01-07 10:30", "2026-01-11 10:30"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=MO", "2026-01-04 08:00", ["2026-01-04 08:00", "2026-01-12 08:00"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "2026-01-04 08:00", ["2026-01-04 08:00", "2026-01-05 08:00"]),
        ("FREQ=DAILY;BYHOUR=8,20;BYMINUTE=0,30", "2026-01-01 09:00", ["2026-01-01 20:00", "2026-01-01 20:30"]),
        ("FREQ=HOURLY;INTERVAL=5", "2026-01-01 22:15", ["2026-01-01 22:15", "2026-01-02 03:15", "2026-01-02 08:15"]),
        # Months that are too short are skipped; a day counted from the end exists in each month.
        ("FREQ=MONTHLY", "2026-01-31 09:00", ["2026-01-31 09:00", "2026-03-31 09:00", "2026-05-31 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-02-01 09:00", ["2026-03-31 09:00", "2026-05-31 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-31 09:00", ["2026-01-31 09:00", "2026-02-28 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-02-01 09:00", ["2028-02-29 09:00", "2028-03-31 09:00"]),
        ("FREQ=MONTHLY;BYDAY=-1SU", "2026-01-01 09:00", ["2026-01-25 09:00", "2026-02-22 09:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-01-01 09:00", ["2026-01-30 09:00", "2026-02-27 09:00"]),
        # The first week is a whole week too: its first of these days comes before the start, so it has no run.
        ("FREQ=WEEKLY;BYDAY=WE,TH;BYSETPOS=1;WKST=WE", "2026-10-22 15:00", ["2026-10-28 15:00", "2026-11-04 15:00"]),
        ("FREQ=YEARLY", "2024-02-29 09:00", ["2024-02-29 09:00", "2028-02-29 09:00", "2032-02-29 09:00"]),
        ("FREQ=YEARLY;BYDAY=20MO", "2026-01-01 09:00", ["2026-05-18 09:00", "2027-05-17 09:00"]),
        ("FREQ=YEARLY;BYWEEKNO=53", "2026-01-01 09:00", ["2026-12-31 09:00", "2032-12-30 09:00"]),
        # The first week of a year with 53 weeks begins in the year before.
        ("FREQ=YEARLY;BYWEEKNO=-53;WKST=FR;BYDAY=SA", "2023-12-01 09:00", ["2023-12-30 09:00", "2028-12-30 09:00"]),
        # Its last week may end in the year after.
        ("FREQ=YEARLY;BYWEEKNO=52;BYDAY=FR;WKST=SU", "2026-02-01 09:00", ["2027-01-01 09:00", "2027-12-31 09:00"]),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2026-01-01 09:00", ["2026-11-26 09:00", "2027-11-25 09:00"]),
    ],
)  # fmt: skip
def test_a_rule_has_these_wall_times(text: str, start: str, expected: list[str]) -> None:
    assert first(text, start, number=len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=DAILY;COUNT=2", ["2026-01-01 09:00", "2026-01-02 09:00"]),
        ("FREQ=DAILY;UNTIL=20260102T090000", ["2026-01-01 09:00", "2026-01-02 09:00"]),
        ("FREQ=DAILY;UNTIL=20260102T085959", ["2026-01-01 09:00"]),
        ("FREQ=DAILY;UNTIL=20260102", ["2026-01-01 09:00", "2026-01-02 09:00"]),
    ],
)
def test_a_rule_ends_at_its_count_or_until(text: str, expected: list[str]) -> None:
    assert first(text, "2026-01-01 09:00") == expected


def test_count_counts_from_the_start_even_if_the_evaluation_begins_later() -> None:
    assert first("FREQ=DAILY;COUNT=3", "2026-01-01 09:00", since="2026-01-03 00:00") == ["2026-01-03 09:00"]
    assert first("FREQ=DAILY;COUNT=3", "2026-01-01 09:00", since="2026-01-04 00:00") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "RFC 5545 does not know"),
        ("every sunday", "RFC 5545 does not know"),
        ("BYDAY=SU", "must have FREQ"),
        ("FREQ=FORTNIGHTLY", "must have FREQ, one of HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=MINUTELY", "too often"),
        ("FREQ=SECONDLY;COUNT=3", "too often"),
        ("FREQ=DAILY;BYMINUTE=0,14", "more often than every 15 minutes"),
        ("FREQ=DAILY;BYHOUR=0,23;BYMINUTE=0,50", "more often than every 15 minutes"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ twice"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL=1,2"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "COUNT and UNTIL"),
        ("FREQ=DAILY;UNTIL=soon", "UNTIL=SOON"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL=20260230"),
        ("FREQ=DAILY;BYSECOND=30", "BYSECOND=30"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24"),
        ("FREQ=DAILY;BYHOUR=", "RFC 5545 does not know"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY=0"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "no meaning with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYWEEKNO=3", "no meaning with FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "counted days"),
        ("FREQ=MONTHLY;BYDAY=6MO", "BYDAY=6MO"),
        ("FREQ=MONTHLY;BYDAY=XX", "BYDAY=XX"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS without"),
        ("FREQ=WEEKLY;WKST=XX", "WKST=XX"),
        ("FREQ=DAILY;X-NAME=1", "RFC 5545 does not know"),
        ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "no other lines"),
        ("EXDATE:20260101T090000\nRRULE:FREQ=DAILY", "no other lines"),
        ("FREQ=DAILY;INTERVAL=١", "INTERVAL"),
    ],
)
def test_an_invalid_rule_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InvalidRecurrence, match=words.replace("(", r"\(")):
        first(text, "2026-01-01 09:00")


def test_a_start_with_seconds_is_refused() -> None:
    with pytest.raises(InvalidRecurrence, match="whole minute"):
        first("FREQ=DAILY", "2026-01-01 09:00:30")


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30,31",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=3",
        "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=12",
        "FREQ=YEARLY;BYYEARDAY=" + ",".join(map(str, range(1, 360))) + ";BYMONTH=12;BYMONTHDAY=31",
        "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=6",
        "FREQ=DAILY;COUNT=5;BYMONTH=2;BYMONTHDAY=30",
    ],
)
def test_a_rule_without_any_run_ends_within_the_step_limit(text: str) -> None:
    assert first(text, "2026-01-01 09:00") == []


STARTS = st.datetimes(datetime.fromisoformat("2023-01-01"), datetime.fromisoformat("2028-12-31"))
_SOME = {
    "BYMONTH": st.integers(1, 12),
    "BYMONTHDAY": st.integers(-31, 31).filter(bool),
    "BYYEARDAY": st.integers(-366, 366).filter(bool),
    "BYHOUR": st.integers(0, 23),
    "BYSETPOS": st.integers(-5, 5).filter(bool),
}
_DAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
_COUNTED = st.tuples(st.sampled_from([-2, -1, 1, 2, 3, 5]), _DAYS).map(lambda day: f"{day[0]}{day[1]}")


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule that both implementations evaluate in the same way."""
    frequency = draw(st.sampled_from(["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = {"FREQ": frequency, "WKST": draw(_DAYS), "INTERVAL": str(draw(st.integers(1, 4)))}
    fitting = {
        "HOURLY": ["BYMONTH", "BYMONTHDAY"],
        "DAILY": ["BYMONTH", "BYMONTHDAY", "BYHOUR"],
        "WEEKLY": ["BYMONTH", "BYHOUR"],
        "MONTHLY": ["BYMONTH", "BYMONTHDAY", "BYHOUR"],
        "YEARLY": ["BYMONTH", "BYMONTHDAY", "BYHOUR", "BYYEARDAY"],
    }[frequency]
    for name in draw(st.sets(st.sampled_from(fitting))):
        parts[name] = ",".join(map(str, draw(st.lists(_SOME[name], min_size=1, max_size=4, unique=True))))
    if draw(st.booleans()):
        counted = frequency in ("MONTHLY", "YEARLY") and draw(st.booleans())
        parts["BYDAY"] = ",".join(draw(st.lists(_COUNTED if counted else _DAYS, min_size=1, max_size=3, unique=True)))
        # dateutil leaves out days of a week that lies in two years.
        if frequency == "YEARLY" and not counted and draw(st.booleans()):
            parts["BYWEEKNO"] = ",".join(map(str, draw(st.lists(st.sampled_from([-3, -2, 2, 20, 51])))) or [2])
    # dateutil lets the first week begin at the start of the rule, so that BYSETPOS counts from there.
    if frequency not in ("HOURLY", "WEEKLY") and any(name.startswith("BY") for name in parts) and draw(st.booleans()):
        parts["BYSETPOS"] = str(draw(_SOME["BYSETPOS"]))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@settings(max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(text=rules(), start=STARTS, ahead=st.integers(0, 800), count=st.none() | st.integers(1, 30))
def test_dateutil_has_the_same_wall_times(text: str, start: datetime, ahead: int, count: int | None) -> None:
    start = start.replace(second=0, microsecond=0)
    since, end = start + timedelta(days=ahead), start + timedelta(days=1000)
    try:
        theirs = rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=start)
        every = Steps(limit=1_000_000)  # lists the runs of three years, more than one evaluation may
        rule = read_rrule(text if count is None else f"{text};COUNT={count}").starting_at(start, steps=every)
    except (ValueError, InvalidRecurrence):
        assume(False)
        raise

    ours = rule.wall_times(start=start, since=since, last_day=end.date(), steps=every)

    assert [wall for wall in ours if since <= wall <= end] == [
        wall for wall in first_of(theirs, count) if wall >= since
    ]


LAST_YEAR = SimpleNamespace(**{**vars(datetime_module), "MAXYEAR": 2032})
"""The module datetime with an earlier last year, until which dateutil searches a rule that has no more days."""


def first_of(rule: rrule | rruleset, count: int | None) -> list[datetime]:
    with patch.object(dateutil.rrule, "datetime", LAST_YEAR):
        return list(islice(rule, count))
