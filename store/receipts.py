"""Receipts: what carriers say became of a submission, stored as it came and applied afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from messaging.retry import RetryPolicy
from messaging.states import RECEIPT_STATUSES, Status, receipt_may_move
from store import sql

_SQL = sql.load("receipts")

_MOVES = sorted((source.value, target.value) for target in RECEIPT_STATUSES for source in receipt_may_move(target))


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What the carrier said of one attempt of a delivery."""

    delivery_id: UUID
    attempt: int
    carrier_id: str
    status: Status
    error_code: str | None


def insert(connection: Connection[Any], told: Sequence[Receipt]) -> int:
    """How many of them are new: a carrier may say the same more than once."""
    cursor = connection.execute(
        _SQL["insert_receipts"],
        {
            "delivery_ids": [receipt.delivery_id for receipt in told],
            "attempts": [receipt.attempt for receipt in told],
            "carrier_ids": [receipt.carrier_id for receipt in told],
            "statuses": [receipt.status.value for receipt in told],
            "error_codes": [receipt.error_code for receipt in told],
        },
    )
    return cursor.rowcount


def apply(connection: Connection[Any], *, limit: int, policy: RetryPolicy, passing: Mapping[str, float]) -> int:
    """Move deliveries forward by up to `limit` receipts; how many receipts were used up.

    `passing`: the carriers' codes of failures that may pass, with the first pause in seconds before another try.
    """
    row = connection.execute(
        _SQL["apply_receipts"],
        {
            "row_limit": limit,
            "from_statuses": [source for source, _ in _MOVES],
            "to_statuses": [target for _, target in _MOVES],
            "retry_limit": policy.limit,
            "age_limit_seconds": policy.age_limit_seconds,
            "passing_codes": list(passing),
            "pauses_seconds": list(passing.values()),
        },
    ).fetchone()
    return row[0] if row else 0


def any_unapplied(connection: Connection[Any]) -> bool:
    row = connection.execute(_SQL["has_unapplied"]).fetchone()
    return bool(row and row[0])


def count_refused(connection: Connection[Any], *, channel: str) -> None:
    """One more callback that the carrier had not signed."""
    connection.execute(_SQL["count_refused"], {"channel": channel})
