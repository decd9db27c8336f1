"""Turn schedules whose time has come into messages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from rq.timeouts import BaseTimeoutException

import logs
from messaging.backoff import backoff_seconds
from store import schedule_runs, schedules
from store.database import Database, system_scope
from store.schedule_runs import EvaluatedSchedule
from store.schedules import Schedule

log = logs.get_logger(__name__)

BUDGET_SECONDS = 0.5
"""After this the rest waits for another job: receipts and messages share the queue. Far below the job's time limit."""
SCHEDULES_AT_ONCE = 250
RUNS_PER_SLICE = 1000
"""At most so many schedules are taken, and about so many runs are recorded, in one transaction."""

FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
"""How long a schedule rests whose evaluation failed; each failure in a row doubles it."""
_DELAY_REASON = "its last evaluation failed because of an error on our side; it is tried again by itself"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What one call came to."""

    messages: int
    """How many were made."""
    is_finished: bool
    """Nothing more is due; otherwise the time was over."""


def run_schedules(database: Database, *, now: datetime | None = None) -> Progress:
    """Record the runs that are due by `now` (the database's clock, unless given), each once, until the time is over.

    Works in slices. In each the runs, their messages and the next runs' times are written in one transaction while the
    schedules are held: two processes make one message, and one that is killed leaves its last slice undone, for the
    next. At least one schedule is evaluated, so that repeated calls come to an end.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    made = 0
    while True:
        with system_scope(database) as connection:
            instant = now or schedule_runs.read_clock(connection)
            due = schedule_runs.take_due(connection, now=instant, limit=SCHEDULES_AT_ONCE)
            evaluated = _evaluate(connection, due, now=instant, deadline=deadline)
            made += _settle(connection, evaluated, now=instant)
        if not due or time.monotonic() >= deadline:
            return Progress(messages=made, is_finished=not due)


def _evaluate(
    connection: Connection[Any], due: Sequence[Schedule], *, now: datetime, deadline: float
) -> list[tuple[Schedule, EvaluatedSchedule]]:
    """As many of the schedules as there is time for, with what their runs come to. One that fails is delayed."""
    evaluated: list[tuple[Schedule, EvaluatedSchedule]] = []
    runs = 0
    for schedule in due:
        try:
            settled = schedule_runs.evaluate(schedule, now=now)
        except BaseTimeoutException:  # the job's own time is over: that is not the schedule's fault
            raise
        except Exception:
            log.exception("the evaluation of a schedule failed", schedule_id=str(schedule.schedule_id))
            _delay(connection, schedule, now=now)
        else:
            evaluated.append((schedule, settled))
            runs += len(settled.runs)
        if runs >= RUNS_PER_SLICE or time.monotonic() >= deadline:
            break
    return evaluated


def _settle(
    connection: Connection[Any], evaluated: Sequence[tuple[Schedule, EvaluatedSchedule]], *, now: datetime
) -> int:
    """Record all of them together, or, when the database refuses that, one by one and delay those it refuses."""
    for schedule, settled in evaluated:
        if settled.stop_reason:
            log.error(
                "a schedule cannot be followed", schedule_id=str(schedule.schedule_id), reason=settled.stop_reason
            )
    if not evaluated:
        return 0
    try:
        with connection.transaction():
            return schedule_runs.record(connection, [settled for _, settled in evaluated])
    except psycopg.Error:
        if connection.closed:
            raise
    return sum(_settle_one(connection, schedule, settled, now=now) for schedule, settled in evaluated)


def _settle_one(connection: Connection[Any], schedule: Schedule, settled: EvaluatedSchedule, *, now: datetime) -> int:
    try:
        with connection.transaction():
            return schedule_runs.record(connection, [settled])
    except psycopg.Error as error:
        if connection.closed:
            raise
        # Without the error's text, which quotes the row: the message's words stand in it.
        log.error(  # noqa: TRY400
            "the runs of a schedule cannot be recorded",
            schedule_id=str(schedule.schedule_id),
            error=type(error).__name__,
            constraint=error.diag.constraint_name,
        )
        _delay(connection, schedule, now=now)
        return 0


def _delay(connection: Connection[Any], schedule: Schedule, *, now: datetime) -> None:
    delay_seconds = backoff_seconds(
        schedule.failed_evaluations + 1,
        base_seconds=FIRST_DELAY.total_seconds(),
        limit_seconds=LONGEST_DELAY.total_seconds(),
    )
    schedules.delay(connection, schedule, until=now + timedelta(seconds=delay_seconds), reason=_DELAY_REASON)
