"""What every kind of rule is, whoever wrote it down, and the bound on the work that it may cause."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

LEAST_MINUTES_BETWEEN_RUNS = 15
"""A church that texts everyone more often than this has made a mistake."""

LOOK_AHEAD = timedelta(days=20 * 366)
"""A rule that does not come again within this is over. Leap days are at most 8 years apart."""

MAX_STEPS = 10_000
"""Of one evaluation. A rule that names no day for 20 years takes 7,300."""

_ONE_DAY = timedelta(days=1)


class InvalidRecurrence(ValueError):
    """The rule cannot be followed; the message tells a person why, and follows the field's name in a sentence."""


class TooManySteps(InvalidRecurrence):
    """The rule is not followed further: it needs more steps than one evaluation may take."""


@dataclass(kw_only=True, slots=True)
class Steps:
    """The steps of one evaluation: one for each month, day or time that is looked at.

    Steps are counted instead of seconds, so that a rule passes or fails in the same way on every machine.
    """

    limit: int = MAX_STEPS
    taken: int = 0

    def take(self, number: int = 1) -> None:
        """Count so many more. Raises TooManySteps."""
        self.taken += number
        if self.taken > self.limit:
            raise TooManySteps(
                f"takes more than {self.limit:,} steps to work out; use fewer BY parts, or a rule that runs more often"
            )


class Rule(Protocol):
    """A rule gives wall times. It knows of no time zone."""

    def wall_times(self, *, start: datetime, since: datetime, last_day: date, steps: Steps) -> Iterator[datetime]:
        """Those of the rule that begins at `start`, in order, from `since` through `last_day`.

        What lies before `since` is not looked at. Raises TooManySteps.
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


def matching_days(
    first: date, last: date, *, months: Collection[int], fits: Callable[[date], bool], steps: Steps
) -> Iterator[date]:
    """The days from the first through the last that are in one of the months and fit. No months: in any month.

    Months that do not match are passed over in one step each. Raises TooManySteps.
    """
    day = first
    while day <= last:
        steps.take()
        if months and day.month not in months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if fits(day):
            yield day
        day += _ONE_DAY
