"""The runs of schedules: which are due, and the outcome of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.contact_fields import BUILT_IN_FIELDS
from messaging.links import LinkRules
from messaging.missed_runs import DecidedRun, MissedPolicy, RunOutcome, decide_runs
from messaging.recurrence.rule import InvalidRecurrence, TooManySteps
from messaging.recurrence.runs import Recurrence, ScheduledRun
from messaging.wall_time import UnknownZone, to_instant
from store import run_links, sql
from store.schedules import Schedule

_SQL = sql.load("schedule_runs")

RUNS_AT_ONCE = 500
"""The most runs of one schedule in one evaluation, after a long outage; the next evaluation continues."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    run_id: UUID
    run_at: datetime
    wall_time: datetime | None
    outcome: Literal["sent", "missed", "skipped"]
    reason: str | None
    message_id: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluatedSchedule:
    """The due runs of a schedule with their outcomes, and its next run."""

    schedule_id: UUID
    runs: Sequence[DecidedRun]
    next_run: ScheduledRun | None
    counted_end: datetime | None = None
    """The last wall time that the rule's COUNT allows."""
    stop_reason: str | None = None
    """Why the rule cannot be evaluated any further, for people; the schedule is paused with this reason."""


def read_clock(connection: Connection[Any]) -> datetime:
    """Returns the present time of the database."""
    row = connection.execute(_SQL["read_clock"]).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM
    return row[0]


def lock_due(connection: Connection[Any], *, now: datetime, limit: int) -> list[Schedule]:
    """Lock and return up to `limit` schedules with a due run, round-robin over churches."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(_SQL["lock_due"], {"now": now, "row_limit": limit}).fetchall()


def evaluate(schedule: Schedule, *, now: datetime) -> EvaluatedSchedule:
    """Decide the due runs of a schedule. If its rule cannot be evaluated, the result has a `stop_reason`."""
    try:
        recurrence = schedule.recurrence()
        due, next_run, stop_reason = _find_runs(schedule, recurrence, now)
    except InvalidRecurrence as error:
        return _stopped(schedule, reason=f"the rule {error}")
    except UnknownZone as error:
        return _stopped(schedule, reason=f"the time zone {error}")
    return EvaluatedSchedule(
        schedule_id=schedule.schedule_id,
        runs=decide_runs(
            due,
            now=now,
            policy=MissedPolicy(schedule.missed_policy),
            within=timedelta(seconds=schedule.missed_within_seconds),
            is_paused=schedule.paused_at is not None,
            more_due=next_run is not None and next_run.at <= now,
        ),
        next_run=next_run,
        counted_end=recurrence.counted_end,
        stop_reason=stop_reason,
    )


def _find_runs(
    schedule: Schedule, recurrence: Recurrence, now: datetime
) -> tuple[list[ScheduledRun], ScheduledRun | None, str | None]:
    """Returns the due runs, the next one, and why there is no next one if finding it takes too many steps.

    Raises TooManySteps if not even the first run is found.
    """
    assert schedule.next_wall_time is not None  # noqa: S101 - it is due
    # From the wall time: the zone's rules, and with them its instant, may have changed since it was stored.
    expected = to_instant(schedule.next_wall_time, recurrence.zone)
    due: list[ScheduledRun] = []
    try:
        for run in recurrence.runs_after(expected - timedelta(microseconds=1)):
            if run.at > now or len(due) == RUNS_AT_ONCE:
                return due, run, None
            due.append(run)
    except TooManySteps as error:
        if not due:
            raise
        if len(due) == 1:
            return due, None, f"the rule {error}"
        return due[:-1], due[-1], None  # the next evaluation continues there, with its own steps
    return due, None, None


def _stopped(schedule: Schedule, *, reason: str) -> EvaluatedSchedule:
    """The due run is recorded as missed, so that every run has an outcome."""
    assert schedule.next_run_at is not None and schedule.next_wall_time is not None  # noqa: S101 - it is due
    run = ScheduledRun(at=schedule.next_run_at, wall=schedule.next_wall_time)
    missed = DecidedRun(run=run, outcome=RunOutcome.MISSED, reason=reason)
    return EvaluatedSchedule(
        schedule_id=schedule.schedule_id,
        runs=[missed],
        next_run=None,
        counted_end=schedule.counted_end,
        stop_reason=reason,
    )


def catch_up(
    connection: Connection[Any], schedule: Schedule, *, now: datetime, link_rules: LinkRules | None = None
) -> Schedule:
    """Record the due runs of a locked schedule, and return it as it is then. `link_rules` is as in record().

    Run before a person changes the schedule: the old definition applies to the runs that are due.
    """
    while schedule.next_run_at is not None and schedule.next_run_at <= now:
        evaluated = evaluate(schedule, now=now)
        record(connection, [evaluated], link_rules=link_rules)
        next_run = evaluated.next_run
        schedule = replace(
            schedule,
            next_run_at=next_run.at if next_run else None,
            next_wall_time=next_run.wall if next_run else None,
            counted_end=evaluated.counted_end,
            paused_at=now if evaluated.stop_reason and schedule.paused_at is None else schedule.paused_at,
            paused_reason=evaluated.stop_reason or schedule.paused_reason,
        )
    return schedule


def record(
    connection: Connection[Any], evaluated: Sequence[EvaluatedSchedule], *, link_rules: LinkRules | None = None
) -> int:
    """Record the runs, insert the messages of those that are sent, and set the next runs.

    Returns the number of messages. `link_rules`: how their links are shortened, if they are to be; None: they are not.
    """
    runs = [(schedule.schedule_id, decided) for schedule in evaluated for decided in schedule.runs]
    messages = connection.execute(
        _SQL["record_runs"],
        {
            "schedule_ids": [schedule_id for schedule_id, _ in runs],
            "run_ats": [decided.run.at for _, decided in runs],
            "wall_times": [decided.run.wall for _, decided in runs],
            "outcomes": [decided.outcome.value for _, decided in runs],
            "reasons": [decided.reason for _, decided in runs],
            "send_ats": [decided.send_at for _, decided in runs],
            "built_in_fields": list(BUILT_IN_FIELDS),
        },
    ).rowcount
    if messages and link_rules is not None:
        run_links.shorten_runs(
            connection,
            link_rules,
            schedule_ids=[schedule_id for schedule_id, _ in runs],
            run_ats=[decided.run.at for _, decided in runs],
        )
    connection.execute(
        _SQL["set_next_runs"],
        {
            "schedule_ids": [schedule.schedule_id for schedule in evaluated],
            "next_run_ats": [schedule.next_run.at if schedule.next_run else None for schedule in evaluated],
            "next_wall_times": [schedule.next_run.wall if schedule.next_run else None for schedule in evaluated],
            "counted_ends": [schedule.counted_end for schedule in evaluated],
        },
    )
    _pause_broken(
        connection, {schedule.schedule_id: schedule.stop_reason for schedule in evaluated if schedule.stop_reason}
    )
    return messages


def _pause_broken(connection: Connection[Any], reasons: Mapping[UUID, str]) -> None:
    if reasons:
        names = {"schedule_ids": list(reasons), "reasons": list(reasons.values())}
        connection.execute(_SQL["pause_broken_schedules"], names)


def record_manual_run(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID, message_id: UUID) -> None:
    """Record a run that a person started now, as this message."""
    connection.execute(
        _SQL["record_manual_run"], {"church_id": church_id, "schedule_id": schedule_id, "message_id": message_id}
    )


def page(
    connection: Connection[Any], *, church_id: UUID, schedule_id: UUID, before: UUID | None, limit: int
) -> list[RecordedRun]:
    """Returns up to `limit` runs recorded before the run `before`, newest first."""
    names = {"church_id": church_id, "schedule_id": schedule_id}
    with connection.cursor(row_factory=class_row(RecordedRun)) as cursor:
        cursor.execute(_SQL["page_runs"], {**names, "before": before or sql.LAST_ID, "row_limit": limit})
        return cursor.fetchall()
