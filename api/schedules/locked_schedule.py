"""Locks a schedule for a change, and returns it after the change."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection, OperationalError

import logs
from api import problems
from api.endpoints import ApiResponse
from api.problems import RequestRefused
from api.schedules import responses
from api.services import services
from channels.registry import link_rules
from store import audit, schedule_runs, schedules
from store.api_keys import KeyHolder
from store.database import church_scope
from store.schedules import Schedule

_log = logs.get_logger(__name__)


@contextmanager
def locked_schedule(caller: KeyHolder, schedule_id: UUID) -> Generator[tuple[Connection[Any], Schedule]]:
    """Yield the schedule with its row locked. Raises RequestRefused (404).

    Runs that are already due are recorded first, as the unchanged schedule defines them.
    """
    with church_scope(services().database, caller.church_id) as connection:
        # All transactions lock the church before its schedules, groups and fields.
        schedules.lock_church(connection, caller.church_id)
        schedule = schedules.lock(connection, church_id=caller.church_id, schedule_id=schedule_id)
        if schedule is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such schedule.")
        yield connection, _with_due_runs_recorded(connection, schedule)


def record_change(
    connection: Connection[Any], caller: KeyHolder, action: str, schedule_id: UUID, **details: Any
) -> None:
    """Record in the audit that the key changed the schedule."""
    audit.record(
        connection,
        actor=caller.actor,
        action=action,
        subject=str(schedule_id),
        church_id=caller.church_id,
        details=details,
    )


def schedule_response(connection: Connection[Any], caller: KeyHolder, schedule_id: UUID) -> ApiResponse:
    """Return the response that shows the schedule after a change."""
    schedule = schedules.get(connection, church_id=caller.church_id, schedule_id=schedule_id)
    assert schedule is not None  # noqa: S101 - it is locked
    return ApiResponse(status=200, content=responses.detailed(schedule))


def _with_due_runs_recorded(connection: Connection[Any], schedule: Schedule) -> Schedule:
    """Return the schedule after its due runs were recorded.

    If recording them fails, the schedule is returned unchanged, so that the change that fixes it is still possible.
    """
    now = schedule_runs.read_clock(connection)
    if schedule.next_run_at is None or schedule.next_run_at > now:
        return schedule
    try:
        with connection.transaction():
            return schedule_runs.catch_up(connection, schedule, now=now, link_rules=link_rules(services().settings))
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - logged without its text, which may quote the message's content
        _log.error(
            "due runs of a schedule cannot be recorded",
            schedule_id=str(schedule.schedule_id),
            error=type(error).__name__,
        )
        return schedule
