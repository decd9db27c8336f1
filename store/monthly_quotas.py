"""The monthly quota of a church: how many segments it may send in a month of its calendar.

store/daily_limits.py reserves segments, in the month and on the day at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import audit, sql
from store.audit import Actor

_SQL = sql.load("monthly_quotas")


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthlyQuota:
    """A church's quota (None: it has none), and what is counted in its present month."""

    name: str
    time_zone: str
    quota: int | None
    month: date
    """The first day of the month."""
    counted: int


def get(connection: Connection[Any], church_id: UUID) -> MonthlyQuota | None:
    with connection.cursor(row_factory=class_row(MonthlyQuota)) as cursor:
        return cursor.execute(_SQL["get_quota"], {"church_id": church_id}).fetchone()


def set_quota(connection: Connection[Any], *, church_id: UUID, quota: int | None, actor: Actor) -> MonthlyQuota | None:
    """Set or remove (None) the quota, and return it; None if the church does not exist. The change is in the audit."""
    before = get(connection, church_id)
    if before is None:
        return None
    names = {"church_id": church_id, "quota": quota, "month": before.month}
    connection.execute(_SQL["set_quota"], names)
    connection.execute(_SQL["lock_months"], names)
    connection.execute(_SQL["recount_months"], names)
    audit.record(
        connection,
        actor=actor,
        action="quota.changed",
        subject=str(church_id),
        church_id=church_id,
        details={"monthlySegments": quota, "before": before.quota},
    )
    return get(connection, church_id)
