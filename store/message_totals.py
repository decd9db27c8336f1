"""Counts of the deliveries of each message, which stay when the deliveries are deleted. All sums are made of them.

A message is counted repeatedly until it is settled, and once more afterwards: then its counts are final. A change of a
settled message makes it due again: `make_total_due` (store/migrations/0014) when it is reopened, and
`recount_requests` when a late receipt changes one of its deliveries.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from messaging.delivery_times import BUCKET_GROWTH, LAST_BUCKET
from messaging.states import FAILURE_REASONS, SuppressionReason
from store import sql

_SQL = sql.load("message_totals")

FINAL_AFTER_SECONDS = 900.0
"""How long after a message was settled its counts become final: longer than any transaction that changes deliveries may
take, by the timeouts of jobs (jobs/job_queue/job_kinds.py) and of transactions (store/timeouts.py)."""
LEAST_SECONDS = 300.0
"""The shortest time between two counts of a message that is not settled."""
PART_OF_AGE = 0.1
"""The time between two counts of a message that is not settled, as a part of its age, if that is longer."""


def take_recount_requests(connection: Connection[Any], *, limit: int) -> int:
    """Make settled messages due of which a delivery changed, for up to `limit` requests, and return how many."""
    return connection.execute(_SQL["take_recount_requests"], {"row_limit": limit}).rowcount


def count_due(connection: Connection[Any], *, limit: int, is_backlog: bool = False) -> int | None:
    """Count the deliveries of up to `limit` messages that are due, and return of how many.

    `is_backlog`: of those that were stored before totals were kept. Returns None if another transaction is counting.
    """
    row = connection.execute(_SQL["try_lock"]).fetchone()
    if row is None or not row[0]:
        return None
    counted = connection.execute(
        _SQL["count_due_messages"],
        {
            "row_limit": limit,
            "is_backlog": is_backlog,
            "settled_seconds": FINAL_AFTER_SECONDS,
            "least_seconds": LEAST_SECONDS,
            "part_of_age": PART_OF_AGE,
            "suppression_reasons": [reason.value for reason in SuppressionReason],
            "failure_reasons": list(FAILURE_REASONS),
            "bucket_growth": BUCKET_GROWTH,
            "last_bucket": LAST_BUCKET,
        },
    ).fetchone()
    return counted[0] if counted else 0
