"""Creates the messages of schedules that are due. The job `enqueue_due` calls it."""

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
from messaging.links import LinkRules
from store import schedule_runs, schedules
from store.database import Database, system_scope
from store.schedule_runs import EvaluatedSchedule
from store.schedules import Schedule

log = logs.get_logger(__name__)

BUDGET_SECONDS = 0.5
"""After this the other due schedules wait for the next job, because receipts and messages share the queue. Far below
the job's timeout."""
SCHEDULES_AT_ONCE = 250
"""The most schedules that are taken in one transaction."""
RUNS_PER_SLICE = 1000
"""No further schedule is evaluated in a transaction that has this many runs to record."""

FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)
"""The shortest and the longest delay of a schedule whose evaluation failed; each failure in a row doubles it."""
_DELAY_REASON = "its last evaluation failed because of an error on our side; it is retried automatically"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSchedulesResult:
    """What one call of `run_schedules` did."""

    messages: int
    """How many messages were created."""
    is_finished: bool
    """Nothing more is due. False when the time budget was used up."""


def run_schedules(
    database: Database, *, now: datetime | None = None, link_rules: LinkRules | None = None
) -> RunSchedulesResult:
    """Record the runs that are due at `now` (default: the database's clock), each once, within the time budget.

    `link_rules`: how the links of their messages are shortened; None: they are not.

    Works in slices. Each slice is one transaction: it locks schedules, and writes their runs, the messages and the
    times of the next runs. So two processes create one message, and the last slice of a process that is killed is
    rolled back and repeated. At least one schedule is evaluated, so that repeated calls finish.
    """
    deadline = time.monotonic() + BUDGET_SECONDS
    created = 0
    while True:
        with system_scope(database) as connection:
            instant = now or schedule_runs.read_clock(connection)
            due = schedule_runs.lock_due(connection, now=instant, limit=SCHEDULES_AT_ONCE)
            evaluated = _evaluate(connection, due, now=instant, deadline=deadline)
            created += _record(connection, evaluated, now=instant, link_rules=link_rules)
        if not due or time.monotonic() >= deadline:
            return RunSchedulesResult(messages=created, is_finished=not due)


def _evaluate(
    connection: Connection[Any], due: Sequence[Schedule], *, now: datetime, deadline: float
) -> list[tuple[Schedule, EvaluatedSchedule]]:
    """Evaluate as many of the schedules as there is time for. One whose evaluation fails is delayed."""
    evaluated: list[tuple[Schedule, EvaluatedSchedule]] = []
    runs = 0
    for schedule in due:
        try:
            evaluation = schedule_runs.evaluate(schedule, now=now)
        except BaseTimeoutException:  # the job's own timeout, not an error of this schedule
            raise
        except Exception:
            log.exception("the evaluation of a schedule failed", schedule_id=str(schedule.schedule_id))
            _delay(connection, schedule, now=now)
        else:
            evaluated.append((schedule, evaluation))
            runs += len(evaluation.runs)
        if runs >= RUNS_PER_SLICE or time.monotonic() >= deadline:
            break
    return evaluated


def _record(
    connection: Connection[Any],
    evaluated: Sequence[tuple[Schedule, EvaluatedSchedule]],
    *,
    now: datetime,
    link_rules: LinkRules | None,
) -> int:
    """Record all of them together; if the database refuses that, one by one, and delay those that it refuses."""
    for schedule, evaluation in evaluated:
        if evaluation.stop_reason:
            log.error(
                "a schedule is paused: its rule cannot be evaluated",
                schedule_id=str(schedule.schedule_id),
                reason=evaluation.stop_reason,
            )
    if not evaluated:
        return 0
    try:
        with connection.transaction():
            evaluations = [evaluation for _, evaluation in evaluated]
            return schedule_runs.record(connection, evaluations, link_rules=link_rules)
    except psycopg.Error:
        if connection.closed:
            raise
    return sum(
        _record_one(connection, schedule, evaluation, now=now, link_rules=link_rules)
        for schedule, evaluation in evaluated
    )


def _record_one(
    connection: Connection[Any],
    schedule: Schedule,
    evaluation: EvaluatedSchedule,
    *,
    now: datetime,
    link_rules: LinkRules | None,
) -> int:
    try:
        with connection.transaction():
            return schedule_runs.record(connection, [evaluation], link_rules=link_rules)
    except psycopg.Error as error:
        if connection.closed:
            raise
        # Without the error's text, which quotes the row and so the message's content.
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
