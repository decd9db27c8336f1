"""Receipts: what carriers say became of a submission, stored as it came and applied afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from messaging.states import RECEIPT_STATUSES, Status, receipt_may_move
from store import sql

_SQL = sql.load("receipts")

_MOVES = sorted((source.value, target.value) for target in RECEIPT_STATUSES for source in receipt_may_move(target))


def insert(
    connection: Connection[Any],
    *,
    delivery_id: UUID,
    attempt: int,
    carrier_id: str,
    status: Status,
    error_code: str | None,
) -> bool:
    """Whether it is new: a carrier may say the same more than once."""
    cursor = connection.execute(
        _SQL["insert_receipt"],
        {
            "delivery_id": delivery_id,
            "attempt": attempt,
            "carrier_id": carrier_id,
            "status": status.value,
            "error_code": error_code,
        },
    )
    return cursor.rowcount > 0


def apply(connection: Connection[Any], *, limit: int) -> int:
    """Move deliveries forward by up to `limit` receipts; how many receipts were used up."""
    cursor = connection.execute(
        _SQL["apply_receipts"],
        {
            "row_limit": limit,
            "from_statuses": [source for source, _ in _MOVES],
            "to_statuses": [target for _, target in _MOVES],
        },
    )
    return cursor.rowcount


def any_unapplied(connection: Connection[Any]) -> bool:
    row = connection.execute(_SQL["has_unapplied"]).fetchone()
    return bool(row and row[0])
