"""Schedules: recurring messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.recurrence.runs import Recurrence, ScheduledRun, recurrence_by_cron, recurrence_by_rrule
from messaging.wall_time import find_zone
from store import sql
from store.merge_fields import StoredMergeFields

_SQL = sql.load("schedules")

ScheduleStatus = Literal["active", "paused", "ended"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleDefinition:
    """What a church defines. `starts_at` and `ends_at` are wall times; `target` is as in NewMessage."""

    channel: str
    content: str
    details: dict[str, Any]
    """The channel's own fields, by their names in JSON."""
    segments: int
    target_type: str
    target: dict[str, list[str]]
    urgent_reason: str | None
    rule_kind: Literal["rrule", "cron"]
    rule: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    missed_policy: Literal["skip", "runOnce"]
    missed_within_seconds: int
    counted_end: datetime | None = None
    """The last wall time that the rule's COUNT allows. None without a COUNT, or if it is not calculated yet."""
    shorten_links: bool | None = None
    """Whether the links of its messages are shortened; None: as the church does by default."""

    def recurrence(self) -> Recurrence:
        """Returns the recurrence of the rule. Raises InvalidRecurrence, UnknownZone."""
        zone = find_zone(self.time_zone)
        if self.rule_kind == "cron":
            return recurrence_by_cron(self.rule, zone=zone, starts_at=self.starts_at, ends_at=self.ends_at)
        return recurrence_by_rrule(
            self.rule, zone=zone, starts_at=self.starts_at, ends_at=self.ends_at, counted_end=self.counted_end
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule(ScheduleDefinition):
    schedule_id: UUID
    church_id: UUID
    next_run_at: datetime | None
    next_wall_time: datetime | None
    paused_at: datetime | None
    paused_reason: str | None
    delayed_until: datetime | None
    """Set when its evaluation failed: it is not evaluated again before this time."""
    delay_reason: str | None
    """Why the evaluation failed, for people."""
    failed_evaluations: int
    """Consecutive failed evaluations."""
    request_hash: bytes
    created_at: datetime
    updated_at: datetime

    @property
    def status(self) -> ScheduleStatus:
        if self.paused_at is not None:
            return "paused"
        return "ended" if self.next_run_at is None else "active"


def insert(
    connection: Connection[Any],
    definition: ScheduleDefinition,
    *,
    church_id: UUID,
    next_run: ScheduledRun,
    idempotency_key: str | None,
    request_hash: bytes,
    merge_fields: StoredMergeFields | None = None,
) -> tuple[Schedule, bool]:
    """Returns the schedule and whether it is new: False if the idempotency key was used before, with that schedule."""
    parameters = {
        **_parameters(definition, merge_fields),
        **_next_run(next_run),
        "church_id": church_id,
        "idempotency_key": idempotency_key,
        "request_hash": request_hash,
    }
    inserted = _one(connection, _SQL["insert_schedule"], parameters)
    schedule = inserted or _one(connection, _SQL["find_by_idempotency_key"], parameters)
    assert schedule is not None  # noqa: S101 - deleted schedules keep their row
    return schedule, inserted is not None


def get(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID) -> Schedule | None:
    return _one(connection, _SQL["get_schedule"], {"church_id": church_id, "schedule_id": schedule_id})


def lock(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID) -> Schedule | None:
    """Lock and return the schedule; its due runs are not recorded meanwhile."""
    return _one(connection, _SQL["lock_schedule"], {"church_id": church_id, "schedule_id": schedule_id})


def page(connection: Connection[Any], *, church_id: UUID, before: UUID | None, limit: int) -> list[Schedule]:
    """Returns up to `limit` schedules older than the schedule `before`, newest first."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        cursor.execute(
            _SQL["page_schedules"], {"church_id": church_id, "before": before or sql.LAST_ID, "row_limit": limit}
        )
        return cursor.fetchall()


def change(
    connection: Connection[Any],
    schedule: Schedule,
    definition: ScheduleDefinition,
    *,
    next_run: ScheduledRun | None,
    merge_fields: StoredMergeFields | None = None,
) -> None:
    """Replace the definition of the schedule."""
    names = {"church_id": schedule.church_id, "schedule_id": schedule.schedule_id}
    connection.execute(
        _SQL["change_schedule"], {**_parameters(definition, merge_fields), **_next_run(next_run), **names}
    )


def pause(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID, reason: str) -> None:
    """Pause the schedule: its runs are skipped until it is resumed."""
    names = {"church_id": church_id, "schedule_id": schedule_id}
    connection.execute(_SQL["pause_schedule"], {**names, "reason": reason})


def delay(connection: Connection[Any], schedule: Schedule, *, until: datetime, reason: str) -> None:
    """Postpone the next evaluation after one that failed. `reason` is for people."""
    names = {"church_id": schedule.church_id, "schedule_id": schedule.schedule_id}
    connection.execute(_SQL["delay_schedule"], {**names, "delayed_until": until, "reason": reason})


def lock_church(connection: Connection[Any], church_id: UUID) -> None:
    """Keep other transactions from adding a schedule to the church until this one ends."""
    connection.execute(_SQL["lock_church"], {"church_id": church_id})


def count(connection: Connection[Any], church_id: UUID) -> int:
    """Returns how many schedules of the church have a future run, paused ones included."""
    row = connection.execute(_SQL["count_schedules"], {"church_id": church_id}).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0]


def resume(connection: Connection[Any], schedule: Schedule, *, next_run: ScheduledRun | None) -> None:
    names = {"church_id": schedule.church_id, "schedule_id": schedule.schedule_id}
    connection.execute(_SQL["resume_schedule"], {**names, **_next_run(next_run)})


def delete(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID) -> None:
    connection.execute(_SQL["delete_schedule"], {"church_id": church_id, "schedule_id": schedule_id})


def _one(connection: Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> Schedule | None:
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(query, parameters).fetchone()


def _parameters(definition: ScheduleDefinition, merge_fields: StoredMergeFields | None) -> dict[str, Any]:
    values = {name: getattr(definition, name) for name in ScheduleDefinition.__dataclass_fields__}
    return {
        **values,
        "details": Jsonb(definition.details),
        "target": Jsonb(definition.target),
        "merge_fields": None if merge_fields is None else Jsonb(merge_fields),
    }


def _next_run(run: ScheduledRun | None) -> dict[str, datetime | None]:
    return {"next_run_at": run.at if run else None, "next_wall_time": run.wall if run else None}
