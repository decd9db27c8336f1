"""The limit on how many active schedules a church may have."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import RequestRefused
from api.services import services
from messaging.recurrence.runs import ScheduledRun
from store import schedules
from store.schedules import Schedule


@contextmanager
def enforced(connection: Connection[Any], church_id: UUID) -> Generator[None]:
    """Enforce the limit on a change in the block that may add an active schedule. Raises RequestRefused (409).

    The church is locked, so two concurrent requests cannot both take the last place. The exception rolls back the
    change. After the limit was lowered, a church keeps the schedules that it already has.
    """
    schedules.lock_church(connection, church_id)
    before = schedules.count(connection, church_id)
    yield
    limit = services().settings.schedules_per_church
    if schedules.count(connection, church_id) > max(limit, before):
        raise RequestRefused(
            problems.TOO_MANY_SCHEDULES,
            f"A church may have {limit:,} schedules that have not ended, including paused ones. Delete one that is no "
            "longer needed, or ask the operator to allow more.",
        )


def enforced_on_change(
    connection: Connection[Any], schedule: Schedule, *, next_run: ScheduledRun | None
) -> AbstractContextManager[None]:
    """Enforce the limit on a change in the block only if it activates a schedule that has no next run."""
    is_activated = schedule.next_run_at is None and next_run is not None
    return enforced(connection, schedule.church_id) if is_activated else nullcontext()
