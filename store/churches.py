"""Churches and the hours in which they text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.quiet_hours import DEFAULT_WINDOW, Window
from store import sql

_SQL = sql.load("churches")


@dataclass(frozen=True, kw_only=True, slots=True)
class Church:
    church_id: UUID
    name: str
    time_zone: str


def create(connection: Connection[Any], *, name: str, time_zone: str, window: Window = DEFAULT_WINDOW) -> UUID:
    """Insert a church and return its id. `window`: when its people may be texted, in their own time zones."""
    names = {"name": name, "time_zone": time_zone, "window_opens": window.opens, "window_closes": window.closes}
    row = connection.execute(_SQL["insert_church"], names).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    return row[0]


def get(connection: Connection[Any], church_id: UUID) -> Church | None:
    with connection.cursor(row_factory=class_row(Church)) as cursor:
        return cursor.execute(_SQL["get_church"], {"church_id": church_id}).fetchone()


def set_window(connection: Connection[Any], *, church_id: UUID, window: Window) -> None:
    """Change the texting hours. Deliveries that wait for the old hours are evaluated again by the next claim."""
    names = {"church_id": church_id, "window_opens": window.opens, "window_closes": window.closes}
    connection.execute(_SQL["set_window"], names)
    connection.execute(_SQL["make_quiet_deliveries_due"], {"church_id": church_id})
