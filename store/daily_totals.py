"""Daily totals of deliveries by church, channel and status."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from store import sql

_SQL = sql.load("daily_totals")


def roll_up(connection: Connection[Any], *, days_back: int) -> None:
    """Recount the deliveries of today and of the `days_back` days before, by each church's own calendar."""
    connection.execute(_SQL["roll_up"], {"days_back": days_back})
