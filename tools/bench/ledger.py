"""Questions to the carrier's ledger and to the product's database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from psycopg import Connection

from tools.sandbox.control import Sandbox

_NOTHING_OPEN = """
SELECT NOT EXISTS (SELECT FROM messages WHERE expanded_at IS NULL AND church_id = ANY (%(churches)s::uuid[]))
       AND NOT EXISTS (
           SELECT FROM deliveries
           WHERE status IN ('queued', 'sending') AND church_id = ANY (%(churches)s::uuid[])
       )
"""
_ALL_CHURCHES = "SELECT church_id FROM churches"
_LAST_RECORDED = """
SELECT church_id::text, extract(epoch FROM max(updated_at))::double precision
FROM deliveries
WHERE church_id = ANY (%(churches)s::uuid[])
GROUP BY church_id
"""


def is_drained(ledger: Connection, churches: Sequence[str] | None = None) -> bool:
    """Return whether these churches, or all, have no message to expand and no delivery queued or being sent."""
    named = [row[0] for row in ledger.execute(_ALL_CHURCHES)] if churches is None else list(churches)
    row = ledger.execute(_NOTHING_OPEN, {"churches": named}).fetchone()
    return bool(row and row[0])


def last_recorded(ledger: Connection, churches: Sequence[str]) -> dict[str, float]:
    """Return the time of the last update of each church's deliveries, in seconds since the epoch."""
    return dict(ledger.execute(_LAST_RECORDED, {"churches": list(churches)}).fetchall())


def accepted_at(sandbox: Sandbox) -> dict[str, list[float]]:
    """Return the times at which the carrier accepted each sender's messages, in order, in seconds since the epoch."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for row in sandbox.rows():
        times[row.sender or ""].append(row.created_at)
    return dict(times)
