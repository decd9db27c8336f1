"""Makes and runs schedules, and reads their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from jobs import run_schedules as job
from store import schedules
from store.database import Database, church_scope, system_scope
from store.schedules import Schedule, ScheduleDefinition


def make_schedule(
    database: Database,
    church_id: UUID,
    *,
    rule: str = "FREQ=DAILY",
    kind: Literal["rrule", "cron"] = "rrule",
    zone: str = "America/New_York",
    starts_at: str = "2026-01-01 09:00",
    after: datetime,
    missed: Literal["skip", "runOnce"] = "runOnce",
    within_seconds: int = 3600,
    target_type: str = "all",
    target: dict[str, list[str]] | None = None,
    channel: str = "sms",
    details: dict[str, Any] | None = None,
) -> Schedule:
    """Store a schedule whose next run is the first after the instant `after`."""
    definition = ScheduleDefinition(
        channel=channel,
        content="See you on Sunday",
        details=details or {},
        segments=1,
        target_type=target_type,
        target=target or {},
        urgent_reason=None,
        rule_kind=kind,
        rule=rule,
        time_zone=zone,
        starts_at=datetime.fromisoformat(starts_at),
        ends_at=None,
        missed_policy=missed,
        missed_within_seconds=within_seconds,
    )
    next_run = definition.recurrence().next_run(after)
    assert next_run is not None
    with church_scope(database, church_id) as connection:
        schedule, _ = schedules.insert(
            connection, definition, church_id=church_id, next_run=next_run, idempotency_key=None, request_hash=b"hash"
        )
    return schedule


def run_schedules(database: Database, *, now: datetime | None = None) -> int:
    """Run all that are due, in as many jobs as it takes; returns how many messages were made."""
    made = 0
    while True:
        result = job.run_schedules(database, now=now)
        made += result.messages
        if result.is_finished:
            return made


def rows(database: Database, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with system_scope(database) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def outcomes(database: Database, schedule: Schedule) -> list[str]:
    """The instant and the outcome of each of the schedule's runs, in order."""
    found = rows(
        database,
        "SELECT run_at AT TIME ZONE 'UTC', outcome FROM schedule_runs WHERE schedule_id = %(id)s ORDER BY run_at",
        id=schedule.schedule_id,
    )
    return [f"{at:%m-%d %H:%M} {outcome}" for at, outcome in found]


def messages_made(database: Database, schedule: Schedule) -> int:
    [(made,)] = rows(database, "SELECT count(*) FROM messages WHERE schedule_id = %(id)s", id=schedule.schedule_id)
    return made
