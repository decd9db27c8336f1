"""What every kind of rule is, whoever wrote it down."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from typing import Protocol

LEAST_MINUTES_BETWEEN_RUNS = 15
"""A church that texts everyone more often than this has made a mistake."""


class InvalidRecurrence(ValueError):
    """The rule cannot be followed; the message tells a person why, and follows the field's name in a sentence."""


class Rule(Protocol):
    """A rule gives wall times. It knows of no time zone."""

    def wall_times(self, *, start: datetime, since: datetime, last_day: date) -> Iterator[datetime]:
        """Those of the rule that begins at `start`, in order, through `last_day`.

        Ends after a number of steps that the days between bound, whether it finds any or none. What lies before
        `since` may be left out.
        """
        ...


def times_of_day(hours: Collection[int], minutes: Collection[int]) -> tuple[time, ...]:
    """Each hour with each minute, in order. Raises InvalidRecurrence when two are too close, also across midnight."""
    times = tuple(time(hour, minute) for hour in sorted(set(hours)) for minute in sorted(set(minutes)))
    in_minutes = [at.hour * 60 + at.minute for at in times]
    apart = [
        later - earlier for earlier, later in zip(in_minutes, [*in_minutes[1:], in_minutes[0] + 1440], strict=True)
    ]
    if min(apart) < LEAST_MINUTES_BETWEEN_RUNS:
        raise InvalidRecurrence(f"may not come more often than every {LEAST_MINUTES_BETWEEN_RUNS} minutes")
    return times


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first through the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
