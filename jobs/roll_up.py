"""The job that counts the deliveries of messages."""

from __future__ import annotations

import time

import logs
from jobs.worker.runtime import current_runtime
from store import message_totals
from store.database import Database, system_scope

log = logs.get_logger(__name__)

BATCH = 50
"""Messages counted in one transaction. The largest may have 50,000 deliveries each."""
REQUESTS = 1000
"""Requests to count a message again that one job takes."""
BUDGET_SECONDS = 3.0
"""After this the job ends and goes on when the clock enqueues it again: receipts share its queue."""


def roll_up() -> None:
    """Count the messages that are due, those that have been due the longest first, then messages never counted before.

    Does nothing while another worker is counting.
    """
    database = current_runtime().database
    with system_scope(database) as connection:
        message_totals.take_recount_requests(connection, limit=REQUESTS)
    deadline = time.monotonic() + BUDGET_SECONDS
    counted = _count(database, deadline, is_backlog=False)
    backlog = _count(database, deadline, is_backlog=True)
    if counted or backlog:
        log.info("messages counted", messages=counted, backlog=backlog)


def _count(database: Database, deadline: float, *, is_backlog: bool) -> int:
    total = 0
    while time.monotonic() < deadline:
        with system_scope(database) as connection:
            counted = message_totals.count_due(connection, limit=BATCH, is_backlog=is_backlog)
        total += counted or 0
        if counted is None or counted < BATCH:
            break
    return total
