"""Receipts: what carriers say became of a submission, stored as it came and applied afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.backoff import HALF_JITTER, backoff_steps
from messaging.retry import RetryPolicy
from messaging.states import RECEIPT_STATUSES, Status, receipt_may_move
from store import reconciliation, sql
from store.unique_violations import retry_unique_violations

_SQL = sql.load("receipts")

_FORWARD = {(source.value, target.value) for target in RECEIPT_STATUSES for source in receipt_may_move(target)}
_MOVES = sorted(_FORWARD | {(Status.SENT.value, Status.SENT.value)})
"""The last only to take over the id under which the carrier has the present attempt."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    used: int
    """Receipts that were used up."""
    contested: int
    """Texts that another delivery holds than the one that their receipts name: `resolve_contested` is to decide."""


def apply(
    connection: Connection[Any], *, limit: int, policy: RetryPolicy, retryable_codes: Mapping[str, float]
) -> Applied:
    """Move deliveries forward by up to `limit` receipts.

    `retryable_codes`: the codes of failures that are retried, each with the first backoff in seconds.
    """
    parameters = {
        "from_statuses": [source for source, _ in _MOVES],
        "to_statuses": [target for _, target in _MOVES],
        "retry_limit": policy.limit,
        "age_limit_seconds": policy.age_limit_seconds,
        "retryable_codes": list(retryable_codes),
        "pauses_seconds": list(retryable_codes.values()),
        "growth": backoff_steps(policy.limit, base_seconds=1.0, limit_seconds=inf),
        "jitter": HALF_JITTER,
    }
    used, left, contested = 0, limit, 0
    while left and not contested:
        step = retry_unique_violations(connection, partial(_apply, connection, {**parameters, "row_limit": left}))
        used, left, contested = used + step.used, step.waiting, step.contested
    return Applied(used=used, contested=contested)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step(Applied):
    waiting: int
    """Receipts of the batch that are left for another statement."""


def _apply(connection: Connection[Any], parameters: Mapping[str, Any]) -> _Step:
    with connection.cursor(row_factory=class_row(_Step)) as cursor:
        step = cursor.execute(_SQL["apply_receipts"], parameters).fetchone()
    assert step is not None  # noqa: S101 - it counts
    return step


def resolve_contested(connection: Connection[Any]) -> int:
    """Decide whose the texts are that one delivery holds and the receipts of another name; how many were taken away.

    A delivery that loses its text goes back in doubt. In a transaction of its own: it waits for deliveries in another
    order than `apply` does.
    """
    connection.execute(_SQL["give_to_holders"])
    contested = [row[0] for row in connection.execute(_SQL["contested_ids"])]
    reconciliation.put_holders_back_in_doubt(connection, contested)
    return len(contested)


def any_unapplied(connection: Connection[Any]) -> bool:
    row = connection.execute(_SQL["has_unapplied"]).fetchone()
    return bool(row and row[0])


def count_refused(connection: Connection[Any], *, channel: str) -> None:
    """One more callback that the carrier had not signed."""
    connection.execute(_SQL["count_refused"], {"channel": channel})
