"""Count the days again."""

from __future__ import annotations

from jobs.worker.runtime import current_runtime
from store import analytics
from store.database import system_scope

DAYS_BACK = 3
"""Carriers report within 72 hours; older days stand."""


def roll_up() -> None:
    """Bring the totals of today and the last days up to date."""
    with system_scope(current_runtime().database) as connection:
        analytics.roll_up(connection, days_back=DAYS_BACK)
