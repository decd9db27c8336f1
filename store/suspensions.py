"""Suspended churches: nothing is sent for them, and they cannot create messages, until an operator resumes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("suspensions")

MOST_COUNTED = 100_000
"""The most waiting deliveries of a channel that are counted."""


class ChurchSuspended(Exception):
    """The church is suspended, so it cannot create messages and schedules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspension:
    suspended_at: datetime
    reason: str
    """For operators."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Deliveries of a church that are due."""

    due: int
    """Counted up to MOST_COUNTED for each channel."""
    too_late: int
    """Of those, the deliveries that are so old that the next claim fails them."""


def suspend(connection: Connection[Any], church_id: UUID, *, reason: str) -> bool:
    """Stop every claim for the church from the commit on. What is in flight ends as usual.

    Returns False if it is suspended already (the first suspension and its reason stay) or does not exist.
    """
    if connection.execute(_SQL["suspend_church"], {"church_id": church_id, "reason": reason}).fetchone() is None:
        return False
    connection.execute(_SQL["suspend_senders"], {"church_id": church_id})
    return True


def resume(connection: Connection[Any], church_id: UUID) -> tuple[Suspension, list[str]] | None:
    """Let the church send again. Returns the suspension that ends and the channels of its senders, or None."""
    ended = connection.execute(_SQL["resume_church"], {"church_id": church_id}).fetchone()
    if ended is None:
        return None
    channels = [channel for (channel,) in connection.execute(_SQL["resume_senders"], {"church_id": church_id})]
    return Suspension(suspended_at=ended[0], reason=ended[1]), sorted(channels)


def get(connection: Connection[Any], church_id: UUID) -> Suspension | None:
    """Returns the church's suspension; None if it is not suspended."""
    with connection.cursor(row_factory=class_row(Suspension)) as cursor:
        return cursor.execute(_SQL["get_suspension"], {"church_id": church_id}).fetchone()


def refuse_suspended(connection: Connection[Any], church_id: UUID) -> None:
    """Raises ChurchSuspended if the church is suspended."""
    if get(connection, church_id) is not None:
        raise ChurchSuspended


def count_waiting(connection: Connection[Any], church_id: UUID, *, age_limit_seconds: float) -> Waiting:
    names = {"church_id": church_id, "age_limit_seconds": age_limit_seconds, "row_limit": MOST_COUNTED}
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        found = cursor.execute(_SQL["count_waiting"], names).fetchone()
    assert found is not None  # noqa: S101 - an aggregate
    return found
