"""What operators allow a church: segments a day, and the regions that it may text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("church_limits")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChurchLimits:
    """A church's limits (None: the default of the settings applies), and what is counted today so far."""

    name: str
    time_zone: str
    daily_segment_limit: int | None
    regions: list[str] | None
    day: date
    counted: int


def get(connection: Connection[Any], church_id: UUID) -> ChurchLimits | None:
    with connection.cursor(row_factory=class_row(ChurchLimits)) as cursor:
        return cursor.execute(_SQL["get_limits"], {"church_id": church_id}).fetchone()


def set_daily_limit(connection: Connection[Any], *, church_id: UUID, daily_limit: int | None) -> None:
    """Set the church's own limit; None: the default of the settings applies."""
    connection.execute(_SQL["set_daily_limit"], {"church_id": church_id, "daily_limit": daily_limit})


def set_regions(connection: Connection[Any], *, church_id: UUID, regions: Sequence[str] | None) -> None:
    """Set the regions that the church may text, as ISO 3166 codes; None: the default of the settings applies."""
    codes = None if regions is None else list(regions)
    connection.execute(_SQL["set_regions"], {"church_id": church_id, "regions": codes})


def regions(connection: Connection[Any], *, church_id: UUID, default_regions: Sequence[str]) -> frozenset[str]:
    """Returns the regions whose numbers the church may text, as ISO 3166 codes."""
    row = connection.execute(
        _SQL["get_regions"], {"church_id": church_id, "default_regions": list(default_regions)}
    ).fetchone()
    return frozenset(row[0]) if row else frozenset()
