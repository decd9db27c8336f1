"""What all recurrence rules have in common, and the limit on the work that evaluating one may cause."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol

LEAST_MINUTES_BETWEEN_RUNS = 15
"""A rule that runs more often is assumed to be a mistake."""

LOOK_AHEAD = timedelta(days=20 * 366)
"""A rule without a run within this has ended. Leap days are at most 8 years apart."""

MAX_STEPS = 10_000
"""The most steps of one evaluation. A rule without a matching day in 20 years takes 7,300."""

_ONE_DAY = timedelta(days=1)


class InvalidRecurrence(ValueError):
    """The rule is invalid; the message says why, for people, and follows the name of the field in a sentence."""


class TooManySteps(InvalidRecurrence):
    """The rule needs more steps than one evaluation may take."""


@dataclass(kw_only=True, slots=True)
class Steps:
    """Counts the steps of one evaluation: one for each month, day or time that is checked.

    Steps are counted instead of seconds, so that a rule passes or fails equally on every machine.
    """

    limit: int = MAX_STEPS
    taken: int = 0

    def take(self, number: int = 1) -> None:
        """Count steps. Raises TooManySteps."""
        self.taken += number
        if self.taken > self.limit:
            raise TooManySteps(
                f"takes more than {self.limit:,} steps to work out; use fewer BY parts, or a rule that runs more often"
            )


class Rule(Protocol):
    """A rule yields wall times; it has no time zone."""

    def wall_times(self, *, start: datetime, since: datetime, last_day: date, steps: Steps) -> Iterator[datetime]:
        """Yields the wall times of the rule with this `start`, in order, from `since` through `last_day`.

        Times before `since` cost no steps. Raises TooManySteps.
        """
        ...


def times_of_day(hours: Collection[int], minutes: Collection[int]) -> tuple[time, ...]:
    """Returns each hour with each minute, in order.

    Raises InvalidRecurrence if two are too close, also across midnight.
    """
    times = tuple(time(hour, minute) for hour in sorted(set(hours)) for minute in sorted(set(minutes)))
    in_minutes = [at.hour * 60 + at.minute for at in times]
    gaps = [later - earlier for earlier, later in zip(in_minutes, [*in_minutes[1:], in_minutes[0] + 1440], strict=True)]
    if min(gaps) < LEAST_MINUTES_BETWEEN_RUNS:
        raise InvalidRecurrence(f"may not come more often than every {LEAST_MINUTES_BETWEEN_RUNS} minutes")
    return times


def matching_days(
    first: date, last: date, *, months: Collection[int], matches: Callable[[date], bool], steps: Steps
) -> Iterator[date]:
    """Yields the days from `first` through `last` in one of the months that match. No months: in any month.

    Other months are skipped in one step each. Raises TooManySteps.
    """
    day = first
    while day <= last:
        steps.take()
        if months and day.month not in months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if matches(day):
            yield day
        day += _ONE_DAY
