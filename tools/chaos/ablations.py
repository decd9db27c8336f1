"""Takes away parts of the product's safety, inside a worker and from outside: the product knows nothing of it."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from store import deliveries

_SEND_AGAIN = """
UPDATE deliveries
SET status = 'queued', lease_until = NULL, updated_at = now()
WHERE delivery_id IN (
    SELECT delivery_id
    FROM deliveries
    WHERE (status = 'sending' AND lease_until < now()) OR status = 'unknown'
    ORDER BY delivery_id
    FOR UPDATE SKIP LOCKED
)
"""


def resend_in_doubt() -> None:
    """What many a queue does: whose lease ran out is simply sent again."""
    if not hasattr(deliveries, "expire_leases"):
        raise RuntimeError("store.deliveries.expire_leases has another name now: the ablation would take nothing away")
    deliveries.expire_leases = _requeue_doubts


def _requeue_doubts(connection: Connection[Any], *_: object, **__: object) -> int:
    return connection.execute(_SEND_AGAIN).rowcount
