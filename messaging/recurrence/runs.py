"""The runs of a recurrence rule in a time zone."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from messaging.recurrence.cron import read_cron
from messaging.recurrence.rrule import read_rrule
from messaging.recurrence.rule import LOOK_AHEAD, InvalidRecurrence, Rule, Steps
from messaging.wall_time import LONGEST_GAP, to_instant, to_wall


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class ScheduledRun:
    """One run of a rule. Ordered by the instant."""

    at: datetime
    """The instant, in UTC."""
    wall: datetime
    """The wall time of the rule. Clocks show another one only if they skip it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """A rule with its time zone, start and end."""

    rule: Rule
    zone: ZoneInfo
    starts_at: datetime
    """A wall time."""
    ends_at: datetime | None = None
    """The last wall time at which it may run."""
    until: datetime | None = None
    """The last instant at which it may run."""
    counted_end: datetime | None = None
    """The last wall time that the rule's COUNT allows; None without a COUNT."""

    def runs_after(self, instant: datetime) -> Iterator[ScheduledRun]:
        """Yields the runs after the instant, in order of time, for at most 20 years.

        Raises TooManySteps when the search takes more steps than one evaluation may, even after it yielded some runs.
        """
        since = max(to_wall(instant, self.zone), self.starts_at)
        last_day = (since + LOOK_AHEAD).date()
        wall_times = self.rule.wall_times(
            start=self.starts_at, since=since - LONGEST_GAP, last_day=last_day, steps=Steps()
        )
        before = instant
        for run in self._in_order(wall_times):
            if self.until is not None and run.at > self.until:
                return
            if run.at > before:  # skips a second wall time that a gap moves to the same instant
                before = run.at
                yield run

    def next_run(self, after: datetime) -> ScheduledRun | None:
        """Returns the first run after the instant; None if there is none. Raises TooManySteps."""
        return next(self.runs_after(after), None)

    def _in_order(self, wall_times: Iterator[datetime]) -> Iterator[ScheduledRun]:
        """Yields the runs in order of their instants: a wall time in a gap moves behind later wall times."""
        moved: list[ScheduledRun] = []
        for wall in wall_times:
            if self.ends_at is not None and wall > self.ends_at:
                break
            run = ScheduledRun(at=to_instant(wall, self.zone), wall=wall)
            while moved and (moved[0].at <= run.at or moved[0].wall + LONGEST_GAP < wall):
                yield heapq.heappop(moved)
            if to_wall(run.at, self.zone) == wall:
                yield run
            else:
                heapq.heappush(moved, run)
        while moved:
            yield heapq.heappop(moved)


def recurrence_by_rrule(
    text: str,
    *,
    zone: ZoneInfo,
    starts_at: datetime | None,
    ends_at: datetime | None = None,
    counted_end: datetime | None = None,
) -> Recurrence:
    """Returns the recurrence of an RFC 5545 rule. Raises InvalidRecurrence.

    `starts_at` is its DTSTART, a wall time; the text may contain it instead. `counted_end` is the last wall time that
    its COUNT allows; None calculates it.
    """
    parsed = read_rrule(text)
    start = starts_at or parsed.start
    if start is None:
        raise InvalidRecurrence("needs a start, which also says at what time of day it runs")
    if parsed.start not in (None, start):
        raise InvalidRecurrence("has a DTSTART that differs from the given start")
    if parsed.zone_name not in (None, zone.key):
        raise InvalidRecurrence("has a DTSTART with another time zone")
    rule = parsed.starting_at(start, counted_end=counted_end)
    return Recurrence(
        rule=rule,
        zone=zone,
        starts_at=start,
        ends_at=ends_at,
        until=parsed.until_instant,
        counted_end=rule.until if parsed.has_count else None,
    )


def recurrence_by_cron(
    line: str, *, zone: ZoneInfo, starts_at: datetime, ends_at: datetime | None = None
) -> Recurrence:
    """Returns the recurrence of a cron line, from the wall time `starts_at` on. Raises InvalidRecurrence."""
    return Recurrence(rule=read_cron(line), zone=zone, starts_at=starts_at, ends_at=ends_at)
