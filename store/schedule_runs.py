"""The runs of schedules: which are due, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.missed_runs import DecidedRun, MissedPolicy, RunOutcome, decide_runs
from messaging.recurrence.rule import InvalidRecurrence, TooManySteps
from messaging.recurrence.runs import Recurrence, ScheduledRun
from messaging.wall_time import UnknownZone, to_instant
from store import sql
from store.schedules import Schedule

_SQL = sql.load("schedule_runs")

RUNS_AT_ONCE = 500
"""Of one schedule in one evaluation, after a long standstill; the rest follows in the next."""


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
    """The runs of a schedule that came due, each judged, and the one that comes next."""

    schedule_id: UUID
    runs: Sequence[DecidedRun]
    next_run: ScheduledRun | None
    counted_end: datetime | None = None
    """The last wall time that the rule's COUNT allows."""
    stop_reason: str | None = None
    """Why the schedule cannot be followed any further, for people: it is paused with this reason."""


def read_clock(connection: Connection[Any]) -> datetime:
    """Now, by the database."""
    row = connection.execute(_SQL["read_clock"]).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM
    return row[0]


def lock_due(connection: Connection[Any], *, now: datetime, limit: int) -> list[Schedule]:
    """Up to `limit` schedules that have a run to be recorded, held until the transaction ends; churches take turns."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(_SQL["lock_due"], {"now": now, "row_limit": limit}).fetchall()


def evaluate(schedule: Schedule, *, now: datetime) -> EvaluatedSchedule:
    """What the runs of a schedule that is due come to. One that cannot be followed is to be stopped."""
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
    """The runs that are due, the one after them, and why there is none if it takes too many steps to find.

    Raises TooManySteps when not even the first is found.
    """
    assert schedule.next_wall_time is not None  # noqa: S101 - it is due
    # By the wall time: what instant it stands for may have changed with the zone's rules since it was written.
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
        return due[:-1], due[-1], None  # the next evaluation goes on from there, with steps of its own
    return due, None, None


def _stopped(schedule: Schedule, *, reason: str) -> EvaluatedSchedule:
    """The run that was due is recorded as missed: no run vanishes."""
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


def catch_up(connection: Connection[Any], schedule: Schedule, *, now: datetime) -> Schedule:
    """Settle what came due of a locked schedule: before a person's word is heeded, the old terms hold."""
    while schedule.next_run_at is not None and schedule.next_run_at <= now:
        settled = evaluate(schedule, now=now)
        record(connection, [settled])
        coming = settled.next_run
        schedule = replace(
            schedule,
            next_run_at=coming.at if coming else None,
            next_wall_time=coming.wall if coming else None,
            counted_end=settled.counted_end,
            paused_at=now if settled.stop_reason and schedule.paused_at is None else schedule.paused_at,
            paused_reason=settled.stop_reason or schedule.paused_reason,
        )
    return schedule


def record(connection: Connection[Any], settled: Sequence[EvaluatedSchedule]) -> int:
    """Record the runs, make the messages of those that are sent, and move on; how many messages were made."""
    runs = [(schedule.schedule_id, judged) for schedule in settled for judged in schedule.runs]
    made = connection.execute(
        _SQL["record_runs"],
        {
            "schedule_ids": [schedule_id for schedule_id, _ in runs],
            "run_ats": [judged.run.at for _, judged in runs],
            "wall_times": [judged.run.wall for _, judged in runs],
            "outcomes": [judged.outcome.value for _, judged in runs],
            "reasons": [judged.reason for _, judged in runs],
            "send_ats": [judged.send_at for _, judged in runs],
        },
    ).rowcount
    connection.execute(
        _SQL["set_next_runs"],
        {
            "schedule_ids": [schedule.schedule_id for schedule in settled],
            "next_run_ats": [schedule.next_run.at if schedule.next_run else None for schedule in settled],
            "next_wall_times": [schedule.next_run.wall if schedule.next_run else None for schedule in settled],
            "counted_ends": [schedule.counted_end for schedule in settled],
        },
    )
    _stop(connection, {schedule.schedule_id: schedule.stop_reason for schedule in settled if schedule.stop_reason})
    return made


def _stop(connection: Connection[Any], reasons: Mapping[UUID, str]) -> None:
    if reasons:
        named = {"schedule_ids": list(reasons), "reasons": list(reasons.values())}
        connection.execute(_SQL["pause_broken_schedules"], named)


def record_manual_run(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID, message_id: UUID) -> None:
    """A person had it run now, as this message."""
    connection.execute(
        _SQL["record_manual_run"], {"church_id": church_id, "schedule_id": schedule_id, "message_id": message_id}
    )


def page(
    connection: Connection[Any], *, church_id: UUID, schedule_id: UUID, before: UUID | None, limit: int
) -> list[RecordedRun]:
    """Up to `limit` runs recorded before the run `before`, newest first."""
    names = {"church_id": church_id, "schedule_id": schedule_id}
    with connection.cursor(row_factory=class_row(RecordedRun)) as cursor:
        cursor.execute(_SQL["page_runs"], {**names, "before": before or sql.LAST_ID, "row_limit": limit})
        return cursor.fetchall()
