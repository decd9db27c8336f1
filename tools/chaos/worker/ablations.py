"""Disables parts of the product's safety inside a worker, to show that a fault run detects that."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from store import deliveries, sql

_REQUEUE = """
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
    """Send deliveries whose lease expired, or that are in doubt, again without a look-up, as many queues do."""
    if not hasattr(deliveries, "expire_leases"):
        raise RuntimeError("store.deliveries.expire_leases was renamed: this ablation would disable nothing")
    deliveries.expire_leases = _requeue_in_doubt


def ignore_opt_outs() -> None:
    """Claim deliveries to people who opted out, as if each opt-out counted only when a message is expanded."""
    queries = sql.load("claims")
    condition = "opt_outs.address IS NOT NULL OR sender_opt_outs.address IS NOT NULL"
    if condition not in queries["claim"]:
        raise RuntimeError("The claim has another condition: this ablation would disable nothing")
    queries["claim"] = queries["claim"].replace(condition, "false")


def _requeue_in_doubt(connection: Connection[Any], *_: object, **__: object) -> int:
    return connection.execute(_REQUEUE).rowcount
