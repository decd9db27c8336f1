"""Evaluates recurrence rules (RFC 5545, section 3.3.10).

The known libraries search a rule without any day ("30 February") until the year 9999, which takes seconds, and start at
the first day of the rule each time. This implementation checks only the days between two dates, and counts its steps.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

from messaging.recurrence.rule import Steps, matching_days


class Frequency(StrEnum):
    HOURLY = "HOURLY"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


class Weekday(NamedTuple):
    """A day of the week, Monday 0; with an ordinal the n-th, or n-th last, of the month or year."""

    number: int
    ordinal: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarRule:
    """A rule that has all parts, also those that follow from its start. An empty part restricts nothing."""

    frequency: Frequency
    times: tuple[time, ...]
    interval: int = 1
    months: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    weekdays: frozenset[Weekday] = frozenset()
    positions: frozenset[int] = frozenset()
    week_start: int = 0
    until: datetime | None = None
    """The last possible wall time: its UNTIL, or the last one that its COUNT allows."""

    def wall_times(self, *, start: datetime, since: datetime, last_day: date, steps: Steps) -> Iterator[datetime]:
        """As in `Rule`."""
        begin = max(start, since)
        found = (
            wall
            for first, last in self._periods(start, begin.date(), last_day, steps)
            for wall in self._walls(first, last, start=start, since=begin.date(), steps=steps)
            if wall >= begin and wall.date() <= last_day
        )
        return found if self.until is None else takewhile(lambda wall: wall <= (self.until or wall), found)

    def _periods(self, start: datetime, since: date, last_day: date, steps: Steps) -> Iterator[tuple[date, date]]:
        """Yields first and last day of each period that the interval selects, beginning with the one around `since`."""
        match self.frequency:
            case Frequency.HOURLY:  # _walls() applies the interval to each hour
                yield since, last_day
            case Frequency.DAILY | Frequency.WEEKLY:
                length = 1 if self.frequency is Frequency.DAILY else 7
                first = start.date() if length == 1 else self._week_of(start.date())
                step = length * self.interval
                first += timedelta(days=max(0, (since - first).days) // step * step)
                while first <= last_day:
                    yield first, first + timedelta(days=length - 1)
                    first += timedelta(days=step)
            case Frequency.MONTHLY:
                first_month = start.year * 12 + start.month - 1
                elapsed = max(0, since.year * 12 + since.month - 1 - first_month)
                for month in range(
                    first_month + elapsed // self.interval * self.interval,
                    last_day.year * 12 + last_day.month,
                    self.interval,
                ):
                    if self.months and month % 12 + 1 not in self.months:
                        steps.take()
                        continue
                    first = date(month // 12, month % 12 + 1, 1)
                    yield first, first.replace(day=monthrange(first.year, first.month)[1])
            case Frequency.YEARLY:
                elapsed = max(0, since.year - start.year)
                for year in range(
                    start.year + elapsed // self.interval * self.interval, last_day.year + 1, self.interval
                ):
                    yield date(year, 1, 1), date(year, 12, 31)

    def _walls(self, first: date, last: date, *, start: datetime, since: date, steps: Steps) -> Iterator[datetime]:
        """Yields the wall times of one period; without positions (BYSETPOS) only from the day `since` on."""
        from_day = first if self.positions else max(first, since)
        days = matching_days(from_day, last, months=self.months, matches=self._matches, steps=steps)
        if self.positions:
            yield from self._at_positions(list(days), steps)
            return
        for day in days:
            for at in self.times:
                steps.take()
                if self._is_selected_hour(day, at, start):
                    yield datetime.combine(day, at)

    def _at_positions(self, days: Sequence[date], steps: Steps) -> Iterator[datetime]:
        """Yields the wall times at the rule's positions among all times of these days. Every day has the same times."""
        number = len(days) * len(self.times)
        if number == 0:
            return
        steps.take(len(self.positions))
        places = (place - 1 if place > 0 else number + place for place in self.positions)
        for place in sorted({place for place in places if 0 <= place < number}):
            day, at = divmod(place, len(self.times))
            yield datetime.combine(days[day], self.times[at])

    def _is_selected_hour(self, day: date, at: time, start: datetime) -> bool:
        if self.frequency is not Frequency.HOURLY:
            return True
        elapsed = (day - start.date()).days * 24 + at.hour - start.hour
        return elapsed % self.interval == 0

    def _matches(self, day: date) -> bool:
        """Whether every part that restricts days allows the day; months are checked before."""
        return (
            (not self.month_days or self._matches_month_day(day))
            and (not self.weekdays or self._matches_weekday(day))
            and (not self.year_days or self._matches_year_day(day))
            and (not self.weeks or self._matches_week(day))
        )

    def _matches_month_day(self, day: date) -> bool:
        return day.day in self.month_days or day.day - monthrange(day.year, day.month)[1] - 1 in self.month_days

    def _matches_year_day(self, day: date) -> bool:
        number = day.timetuple().tm_yday
        return number in self.year_days or number - _days_of_year(day.year) - 1 in self.year_days

    def _matches_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if Weekday(weekday) in self.weekdays:
            return True
        if self.frequency is Frequency.YEARLY and not self.months:
            number, length = day.timetuple().tm_yday, _days_of_year(day.year)
        else:
            number, length = day.day, monthrange(day.year, day.month)[1]
        return (
            Weekday(weekday, (number - 1) // 7 + 1) in self.weekdays
            or Weekday(weekday, -((length - number) // 7) - 1) in self.weekdays
        )

    def _matches_week(self, day: date) -> bool:
        """The first week of a year is the first one with at least four of its days."""
        week = self._week_of(day)
        year = (week + timedelta(days=3)).year
        number = (week - self._first_week(year)).days // 7 + 1
        return number in self.weeks or (week - self._first_week(year + 1)).days // 7 in self.weeks

    def _first_week(self, year: int) -> date:
        return self._week_of(date(year, 1, 4))

    def _week_of(self, day: date) -> date:
        """Returns the first day of the week of this day."""
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)


def _days_of_year(year: int) -> int:
    return 366 if isleap(year) else 365
