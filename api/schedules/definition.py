"""Converts the request body of a schedule to the definition that is stored, and finds its first run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.link_shortening import shorten_draft
from api.messages.merging import count_segments
from api.problems import FieldError, RequestRefused
from api.schedules.new_schedule import START_OUT_OF_RANGE, NewSchedule, is_start_in_range
from messaging.links import SAMPLE_CODE
from messaging.recurrence.rrule import read_rrule
from messaging.recurrence.rule import InvalidRecurrence
from messaging.recurrence.runs import ScheduledRun
from messaging.wall_time import find_zone, to_wall
from store import churches
from store.schedules import ScheduleDefinition


def define_schedule(
    connection: Connection[Any], *, church_id: UUID, schedule: NewSchedule
) -> tuple[ScheduleDefinition, ScheduledRun]:
    """Return the definition and the first run from now on. Raises RequestRefused (422) if there is no run."""
    church = churches.get(connection, church_id)
    assert church is not None  # noqa: S101 - its key was just verified
    now = datetime.now(UTC)
    zone_name = schedule.time_zone or church.time_zone
    kind, rule = (
        ("cron", schedule.recurrence.cron) if schedule.recurrence.cron else ("rrule", schedule.recurrence.rrule)
    )
    assert rule is not None  # noqa: S101 - the model requires one of the two
    starts_at = schedule.starts_at
    if starts_at is None:
        starts_at = read_rrule(rule).start if kind == "rrule" else to_wall(now, find_zone(zone_name))
    if starts_at is None:
        raise _refused("startsAt", "is required with an rrule, because it sets the time of day")
    if not is_start_in_range(starts_at):  # a DTSTART in the rule: the model has checked `startsAt`
        raise _refused(f"recurrence.{kind}", f"has a DTSTART, which {START_OUT_OF_RANGE}")
    # It costs what the texts of the schedule will cost: each run has short links of its own.
    sample, _ = shorten_draft(connection, schedule, code=SAMPLE_CODE)
    definition = ScheduleDefinition(
        channel=schedule.channel,
        content=schedule.content,
        details=schedule.details,
        segments=count_segments(sample),
        target_type=schedule.target_type,
        target=schedule.target,
        urgent_reason=schedule.urgent_reason,
        rule_kind="cron" if kind == "cron" else "rrule",
        rule=rule,
        time_zone=zone_name,
        starts_at=starts_at.replace(second=0, microsecond=0),
        ends_at=schedule.ends_at,
        missed_policy=schedule.missed_runs.policy,
        missed_within_seconds=60 * schedule.missed_runs.within_minutes,
        shorten_links=schedule.shorten_links,
    )
    try:
        recurrence = definition.recurrence()
        # Two runs are evaluated, so that a rule that fails after its first run is refused now.
        runs = list(islice(recurrence.runs_after(now), 2))
    except InvalidRecurrence as error:
        raise _refused(f"recurrence.{kind}", str(error)) from None
    if not runs:
        raise _refused(f"recurrence.{kind}", "has no run between now and its end, or none within the next 20 years")
    return replace(definition, counted_end=recurrence.counted_end), runs[0]


def _refused(field: str, message: str) -> RequestRefused:
    return RequestRefused(
        problems.INVALID, "Some fields of the body have errors.", errors=[FieldError(field=field, message=message)]
    )
