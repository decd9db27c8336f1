"""Parses recurrence rules (RFC 5545, section 3.3.10), with or without DTSTART."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import islice

from messaging.recurrence.calendar_rule import CalendarRule, Frequency, Weekday
from messaging.recurrence.rule import LOOK_AHEAD, InvalidRecurrence, Steps, TooManySteps, times_of_day

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,5}", re.ASCII)
_DTSTART = re.compile(r"DTSTART(?:;TZID=([\w/+-]+))?(?:;VALUE=DATE-TIME)?:(\S+)", re.ASCII | re.IGNORECASE)
_BOUNDS: Mapping[str, tuple[int, int]] = {
    # The least and the greatest value of each part; negative values count from the end.
    "INTERVAL": (1, 1000),
    "COUNT": (1, 10_000),
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 0),
    "BYSETPOS": (-366, 366),
}
_COUNTED_PERIODS = 5
"""A COUNT that is not reached within this many times LOOK_AHEAD (100 years) is refused."""
_TOO_FAR = "ends too far from the start to be counted; use a smaller COUNT, or UNTIL"
_PARTS = _BOUNDS.keys() | {"FREQ", "UNTIL", "WKST", "BYDAY"}
_ONLY_WITH: Mapping[str, tuple[Frequency, ...]] = {
    "BYWEEKNO": (Frequency.YEARLY,),
    "BYYEARDAY": (Frequency.YEARLY, Frequency.HOURLY),
    "BYMONTHDAY": (Frequency.YEARLY, Frequency.MONTHLY, Frequency.DAILY, Frequency.HOURLY),
    "BYSETPOS": (Frequency.YEARLY, Frequency.MONTHLY, Frequency.WEEKLY, Frequency.DAILY),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleText:
    """The parts of a rule, before its start is applied."""

    parts: Mapping[str, str]
    start: datetime | None
    """The DTSTART of the text, a wall time."""
    zone_name: str | None
    """The TZID of that DTSTART."""

    @property
    def until_instant(self) -> datetime | None:
        """UNTIL, if it is in UTC."""
        until = self.parts.get("UNTIL", "")
        return _date_time(until[:-1], "UNTIL").replace(tzinfo=UTC) if until.endswith("Z") else None

    @property
    def has_count(self) -> bool:
        return "COUNT" in self.parts

    def starting_at(
        self, start: datetime, *, counted_end: datetime | None = None, steps: Steps | None = None
    ) -> CalendarRule:
        """Returns the rule with this start. Raises InvalidRecurrence.

        `counted_end` is the last wall time that its COUNT allows; None calculates it.
        """
        rule = self._uncounted(start)
        if not self.has_count:
            return rule
        [count] = self._numbers("COUNT")
        return replace(rule, until=counted_end or _counted_end(rule, start, count=count, steps=steps or Steps()))

    def _uncounted(self, start: datetime) -> CalendarRule:
        """Returns the rule without its COUNT."""
        if start.second or start.microsecond:
            raise InvalidRecurrence("must start at a whole minute")
        frequency = self._frequency()
        self._refuse_unsuitable_parts(frequency)
        hourly = frequency is Frequency.HOURLY
        until = self.parts.get("UNTIL", "Z")
        [interval] = self._numbers("INTERVAL") or [1]
        self._numbers("COUNT")
        self._numbers("BYSECOND")
        months, month_days, weekdays = self._days(frequency, start)
        return CalendarRule(
            frequency=frequency,
            times=times_of_day(
                self._numbers("BYHOUR") or (range(24) if hourly else [start.hour]),
                self._numbers("BYMINUTE") or [start.minute],
            ),
            interval=interval,
            months=months,
            weeks=frozenset(self._numbers("BYWEEKNO")),
            year_days=frozenset(self._numbers("BYYEARDAY")),
            month_days=month_days,
            weekdays=weekdays,
            positions=frozenset(self._numbers("BYSETPOS")),
            week_start=self._week_start(),
            until=None if until.endswith("Z") else _date_time(until, "UNTIL"),
        )

    def _days(self, frequency: Frequency, start: datetime) -> tuple[frozenset[int], frozenset[int], frozenset[Weekday]]:
        """Returns months, days of the month and weekdays; parts that the rule omits follow from its start."""
        months = frozenset(self._numbers("BYMONTH"))
        month_days = frozenset(self._numbers("BYMONTHDAY"))
        weekdays = self._weekdays(frequency)
        if month_days or weekdays or "BYYEARDAY" in self.parts:
            return months, month_days, weekdays
        if frequency is Frequency.WEEKLY or "BYWEEKNO" in self.parts:
            return months, month_days, frozenset({Weekday(start.weekday())})
        if frequency is Frequency.YEARLY:
            return months or frozenset({start.month}), frozenset({start.day}), frozenset()
        return months, frozenset({start.day}) if frequency is Frequency.MONTHLY else month_days, frozenset()

    def _frequency(self) -> Frequency:
        name = self.parts.get("FREQ", "")
        if name in ("MINUTELY", "SECONDLY"):
            raise InvalidRecurrence(
                f"has FREQ={name}, which is too often; use HOURLY, or DAILY with BYHOUR and BYMINUTE"
            )
        try:
            return Frequency(name)
        except ValueError:
            raise InvalidRecurrence(f"must have FREQ, one of {', '.join(Frequency)}") from None

    def _refuse_unsuitable_parts(self, frequency: Frequency) -> None:
        for part, frequencies in _ONLY_WITH.items():
            if part in self.parts and frequency not in frequencies:
                raise InvalidRecurrence(f"has {part}, which has no meaning with FREQ={frequency}")
        if "BYSETPOS" in self.parts and not any(part.startswith("BY") and part != "BYSETPOS" for part in self.parts):
            raise InvalidRecurrence("has BYSETPOS without another BY part to choose from")
        if "COUNT" in self.parts and "UNTIL" in self.parts:
            raise InvalidRecurrence("has both COUNT and UNTIL; it may have one of them")

    def _numbers(self, part: str) -> list[int]:
        """Returns the numbers of the part; none if the rule omits it."""
        text = self.parts.get(part)
        if text is None:
            return []
        least, greatest = _BOUNDS[part]
        listed = text.split(",")
        numbers = [int(number) for number in listed if _NUMBER.fullmatch(number)]
        malformed = len(numbers) != len(listed) or (not part.startswith("BY") and len(numbers) != 1)
        if malformed or any(not least <= number <= greatest or (least < 0 and number == 0) for number in numbers):
            raise InvalidRecurrence(f"has {part}={text}, which goes from {least} to {greatest}")
        return numbers

    def _weekdays(self, frequency: Frequency) -> frozenset[Weekday]:
        text = self.parts.get("BYDAY")
        if text is None:
            return frozenset()
        found = [_WEEKDAY.fullmatch(word) for word in text.split(",")]
        days = tuple(
            Weekday(number=_WEEKDAYS.index(day[2]), ordinal=int(day[1]) if day[1] else None) for day in found if day
        )
        greatest = 53 if frequency is Frequency.YEARLY else 5
        if len(days) != len(found) or any(day.ordinal == 0 or abs(day.ordinal or 1) > greatest for day in days):
            raise InvalidRecurrence(
                f"has BYDAY={text}; it is made of MO, TU, WE, TH, FR, SA, SU, or such as 2TU and -1SU"
            )
        counted = any(day.ordinal for day in days)
        if counted and (frequency not in (Frequency.MONTHLY, Frequency.YEARLY) or "BYWEEKNO" in self.parts):
            raise InvalidRecurrence(f"has BYDAY={text}: counted days go with FREQ=MONTHLY or YEARLY, without BYWEEKNO")
        return frozenset(days)

    def _week_start(self) -> int:
        name = self.parts.get("WKST", "MO")
        if name not in _WEEKDAYS:
            raise InvalidRecurrence(f"has WKST={name}, which is no day")
        return _WEEKDAYS.index(name)


def read_rrule(text: str) -> RuleText:
    """Parses `FREQ=…`, `RRULE:FREQ=…`, or two lines, DTSTART and RRULE. Raises InvalidRecurrence."""
    *others, rule = [line.strip() for line in text.strip().splitlines()] or [""]
    start = _DTSTART.fullmatch(others[0]) if len(others) == 1 else None
    if others and start is None:
        raise InvalidRecurrence("may have one line DTSTART before its RRULE, as a local time, and no other lines")
    parts: dict[str, str] = {}
    for part in rule.upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or not value:
            raise InvalidRecurrence(f'has the part "{part}", which RFC 5545 does not know')
        if name in parts:
            raise InvalidRecurrence(f"has {name} twice")
        parts[name] = value
    return RuleText(
        parts=parts,
        start=_date_time(start[2].upper(), "DTSTART") if start else None,
        zone_name=start[1] if start else None,
    )


def _counted_end(rule: CalendarRule, start: datetime, *, count: int, steps: Steps) -> datetime:
    """Returns the wall time of the last run that the count allows, or of the last one before 20 years without a run.

    It depends only on rule and start, not on the zone or on the outcomes of runs. Raises InvalidRecurrence.
    """
    remaining, last, since = count, start, start
    try:
        for _ in range(_COUNTED_PERIODS):
            last_day = (since + LOOK_AHEAD).date()
            found = list(islice(rule.wall_times(start=start, since=since, last_day=last_day, steps=steps), remaining))
            if not found:
                return last
            remaining, last = remaining - len(found), found[-1]
            if remaining == 0:
                return last
            since = datetime.combine(last_day + timedelta(days=1), time.min)
    except TooManySteps:
        raise TooManySteps(f"has COUNT={count}, which {_TOO_FAR}") from None
    raise InvalidRecurrence(f"has COUNT={count}, which {_TOO_FAR}")


def _date_time(text: str, part: str) -> datetime:
    """Parses `20261224T170000`, or a day as its last moment, because UNTIL includes the whole day."""
    for form, length in (("%Y%m%dT%H%M%S", 15), ("%Y%m%d", 8)):
        if len(text) == length and text.isascii():
            try:
                found = datetime.strptime(text, form)  # noqa: DTZ007 - a wall time
            except ValueError:
                continue
            return found if length == 15 else datetime.combine(found.date(), time.max)
    raise InvalidRecurrence(f"has {part}={text}; write a local time such as 20261224T170000")
