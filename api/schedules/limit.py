"""How many schedules with a run to come a church may have."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import Refusal
from api.services import services
from messaging.recurrence.runs import ScheduledRun
from store import schedules
from store.schedules import Schedule


@contextmanager
def one_more(connection: Connection[Any], church_id: UUID) -> Generator[None]:
    """Around what gives a church another schedule with a run to come. Raises Refusal (409) when that is one too many.

    Requests at the same time take turns: they cannot both take the last place. The refusal ends the transaction, and so
    undoes what was written in it. A church that is above a limit that was lowered keeps what it has.
    """
    schedules.lock_church(connection, church_id)
    before = schedules.count(connection, church_id)
    yield
    limit = services().settings.schedules_per_church
    if schedules.count(connection, church_id) > max(limit, before):
        raise Refusal(
            problems.TOO_MANY_SCHEDULES,
            f"A church may have {limit:,} schedules that still run, paused ones included. Delete one that is no longer "
            "needed, or ask the operator for more.",
        )


def changed(
    connection: Connection[Any], schedule: Schedule, *, next_run: ScheduledRun | None
) -> AbstractContextManager[None]:
    """Around what gives the schedule that next run: one that had ended, or was stopped, is one more."""
    is_one_more = schedule.next_run_at is None and next_run is not None
    return one_more(connection, schedule.church_id) if is_one_more else nullcontext()
