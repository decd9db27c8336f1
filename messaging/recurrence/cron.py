"""Cron lines of five fields: minute, hour, day of the month, month, day of the week (crontab(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from messaging.recurrence.rule import InvalidRecurrence, Steps, matching_days, times_of_day

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBER = r"\d{1,2}|[A-Z]{3}"
_PART = re.compile(rf"(?:\*|(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?)(?:/(?P<step>\d{{1,2}}))?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Field:
    """A field of the line and its allowed values."""

    name: str
    least: int
    greatest: int
    words: Mapping[str, int]

    def read(self, text: str) -> frozenset[int]:
        return frozenset(number for part in text.split(",") for number in self._read_part(part))

    def _read_part(self, text: str) -> range:
        part = _PART.fullmatch(text)
        if part is None:
            raise self._invalid(text)
        step = int(part["step"] or 1)
        first = self.least if part["first"] is None else self._number(part["first"])
        last = self._number(part["last"]) if part["last"] else self.greatest if part["first"] is None else first
        if part["step"] and part["first"] and not part["last"]:
            raise InvalidRecurrence(
                f'has "{text}" for the {self.name}: a step needs a range, such as {first}-{self.greatest}'
            )
        if step == 0 or last < first:
            raise self._invalid(text)
        return range(first, last + 1, step)

    def _number(self, text: str) -> int:
        number = int(text) if text.isdigit() else self.words.get(text, -1)
        if not self.least <= number <= self.greatest:
            raise self._invalid(text)
        return number

    def _invalid(self, text: str) -> InvalidRecurrence:
        return InvalidRecurrence(f'has "{text}" for the {self.name}, which goes from {self.least} to {self.greatest}')


_FIELDS = (
    _Field(name="minute", least=0, greatest=59, words={}),
    _Field(name="hour", least=0, greatest=23, words={}),
    _Field(name="day of the month", least=1, greatest=31, words={}),
    _Field(name="month", least=1, greatest=12, words={name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field(name="day of the week", least=0, greatest=7, words={name: number for number, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CronLine:
    """A parsed line. Days of the week as in Python: Monday is 0."""

    times: tuple[time, ...]
    months: frozenset[int]
    month_days: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Day of the month and day of the week are both restricted: one match is enough, as in Vixie cron."""

    def wall_times(self, *, start: datetime, since: datetime, last_day: date, steps: Steps) -> Iterator[datetime]:
        """As in `Rule`."""
        begin = max(start, since)
        for day in matching_days(begin.date(), last_day, months=self.months, matches=self._matches, steps=steps):
            for at in self.times:
                steps.take()
                wall = datetime.combine(day, at)
                if wall >= begin:
                    yield wall

    def _matches(self, day: date) -> bool:
        by_month, by_week = day.day in self.month_days, day.weekday() in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def read_cron(line: str) -> CronLine:
    """Parses a cron line. Raises InvalidRecurrence."""
    fields = line.upper().split()
    if len(fields) != len(_FIELDS):
        raise InvalidRecurrence("must have five fields: minute, hour, day of the month, month, day of the week")
    minutes, hours, month_days, months, weekdays = (
        field.read(text) for field, text in zip(_FIELDS, fields, strict=True)
    )
    return CronLine(
        times=times_of_day(hours, minutes),
        months=months,
        month_days=month_days,
        weekdays=frozenset((weekday - 1) % 7 for weekday in weekdays),
        either_day=not (fields[2].startswith("*") or fields[4].startswith("*")),
    )
