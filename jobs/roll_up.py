"""The job that totals deliveries by day."""

from __future__ import annotations

from jobs.worker.runtime import current_runtime
from store import daily_totals
from store.database import system_scope

DAYS_BACK = 3
"""Carriers report within 72 hours, so older totals are final."""


def roll_up() -> None:
    """Update the totals of today and the last days."""
    with system_scope(current_runtime().database) as connection:
        daily_totals.roll_up(connection, days_back=DAYS_BACK)
