"""Turn schedules whose time has come into messages."""

from __future__ import annotations

from datetime import datetime

import logs
from messaging.recurrence.rule import InvalidRecurrence
from messaging.wall_time import UnknownZone
from store import schedule_runs, schedules
from store.database import Database, system_scope
from store.schedule_runs import SettledSchedule
from store.schedules import Schedule

log = logs.get_logger(__name__)

SCHEDULES_AT_ONCE = 200


def run_schedules(database: Database, *, now: datetime | None = None) -> int:
    """Record every run that is due by `now` (the database's clock, unless given), each once; how many messages it made.

    Runs, messages and the next run's time are written in one transaction while the schedules are held. So two clocks
    make one message, and one that dies half way has done nothing, which the next does.
    """
    made = 0
    while True:
        with system_scope(database) as connection:
            instant = now or schedule_runs.read_clock(connection)
            due = schedule_runs.take_due(connection, now=instant, limit=SCHEDULES_AT_ONCE)
            settled = [_settle(schedule, instant) for schedule in due]
            for schedule, answer in zip(due, settled, strict=True):
                if isinstance(answer, str):
                    log.error("a schedule cannot be followed", schedule_id=str(schedule.schedule_id), reason=answer)
                    schedules.break_off(connection, schedule, reason=answer)
            made += schedule_runs.settle(connection, [answer for answer in settled if not isinstance(answer, str)])
        if not due:
            return made


def _settle(schedule: Schedule, now: datetime) -> SettledSchedule | str:
    """What the runs up to now come to; or why the schedule cannot be followed (its zone was given up, say)."""
    try:
        return schedule_runs.judge(schedule, now=now)
    except (InvalidRecurrence, UnknownZone) as error:
        return str(error)
