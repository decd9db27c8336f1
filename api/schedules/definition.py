"""The definition of a schedule and its first run, once the church is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import FieldError, RequestRefused
from api.schedules.new_schedule import START_OUT_OF_RANGE, NewSchedule, is_start_in_range
from channels.registry import CHANNELS
from messaging.recurrence.rrule import read_rrule
from messaging.recurrence.rule import InvalidRecurrence
from messaging.recurrence.runs import ScheduledRun
from messaging.wall_time import find_zone, to_wall
from store import churches
from store.schedules import ScheduleDefinition


def define_schedule(
    connection: Connection[Any], *, church_id: UUID, plan: NewSchedule
) -> tuple[ScheduleDefinition, ScheduledRun]:
    """Return the definition and the first run from now on. Raises RequestRefused (422) if there is none."""
    church = churches.get(connection, church_id)
    assert church is not None  # noqa: S101 - its key was just accepted
    now = datetime.now(UTC)
    zone_name = plan.time_zone or church.time_zone
    kind, rule = ("cron", plan.recurrence.cron) if plan.recurrence.cron else ("rrule", plan.recurrence.rrule)
    assert rule is not None  # noqa: S101 - one of the two is there
    starts_at = plan.starts_at
    if starts_at is None:
        starts_at = read_rrule(rule).start if kind == "rrule" else to_wall(now, find_zone(zone_name))
    if starts_at is None:
        raise _refused("startsAt", "is required with an rrule, since it sets the time of day")
    if not is_start_in_range(starts_at):  # a DTSTART in the rule; `startsAt` was checked when the body was read
        raise _refused(f"recurrence.{kind}", f"has a DTSTART, which {START_OUT_OF_RANGE}")
    terms = ScheduleDefinition(
        channel=plan.channel,
        content=plan.content,
        details=plan.details,
        segments=CHANNELS[plan.channel].count_segments(plan.content),
        target_type=plan.target_type,
        target=plan.target,
        urgent_reason=plan.urgent_reason,
        rule_kind="cron" if kind == "cron" else "rrule",
        rule=rule,
        time_zone=zone_name,
        starts_at=starts_at.replace(second=0, microsecond=0),
        ends_at=plan.ends_at,
        missed_policy=plan.missed_runs.policy,
        missed_within_seconds=60 * plan.missed_runs.within_minutes,
    )
    try:
        recurrence = terms.recurrence()
        # Two runs: a rule that can be evaluated up to its first run only would stop there.
        runs = list(islice(recurrence.runs_after(now), 2))
    except InvalidRecurrence as error:
        raise _refused(f"recurrence.{kind}", str(error)) from None
    if not runs:
        raise _refused(f"recurrence.{kind}", "has no run between now and its end, or none within 20 years")
    return replace(terms, counted_end=recurrence.counted_end), runs[0]


def _refused(field: str, message: str) -> RequestRefused:
    return RequestRefused(
        problems.INVALID, "Some fields of the body are wrong.", errors=[FieldError(field=field, message=message)]
    )
