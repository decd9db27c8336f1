"""Receipts: what carriers report about submissions. They are stored first and applied later, in batches."""

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

_FORWARD_TRANSITIONS = {
    (source.value, target.value) for target in RECEIPT_STATUSES for source in receipt_may_move(target)
}
_APPLIED_TRANSITIONS = [
    f"{source} to {target}"
    for source, target in sorted(_FORWARD_TRANSITIONS | {(Status.SENT.value, Status.SENT.value)})
]
"""`sent to sent` only updates the carrier id of the present attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """A status that the carrier reported for one attempt of a delivery."""

    delivery_id: UUID
    attempt: int
    carrier_id: str
    status: Status
    error_code: str | None


def insert(connection: Connection[Any], received: Sequence[Receipt]) -> int:
    """Store receipts, and return how many are new: carriers may repeat their callbacks.

    Those that say only what the ledger already has are stored as applied. Waits for no lock of a delivery.
    """
    cursor = connection.execute(
        _SQL["insert_receipts"],
        {
            "delivery_ids": [receipt.delivery_id for receipt in received],
            "attempts": [receipt.attempt for receipt in received],
            "carrier_ids": [receipt.carrier_id for receipt in received],
            "statuses": [receipt.status.value for receipt in received],
            "error_codes": [receipt.error_code for receipt in received],
        },
    )
    return cursor.rowcount


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedReceipts:
    applied: int
    """Receipts that were applied, including those that changed nothing."""
    contested: int
    """Deliveries whose receipts have a carrier id that another delivery holds: `resolve_contested` must decide."""
    submitted_message_ids: Sequence[UUID]
    """Messages with deliveries that were queued or being submitted until now: nothing may be left to submit."""
    opted_out_delivery_ids: Sequence[UUID]
    """Deliveries that failed now because the recipient sent STOP to the carrier."""
    delivered_channels: Sequence[str]
    """Of the deliveries that are `delivered` now, the channel of each, and for how long it had been due."""
    delivered_after_seconds: Sequence[float]


def apply(
    connection: Connection[Any],
    *,
    limit: int,
    policy: RetryPolicy,
    retryable_codes: Mapping[str, float],
    opted_out_codes: Sequence[str] = (),
) -> AppliedReceipts:
    """Apply up to `limit` receipts to their deliveries.

    `retryable_codes`: the carriers' codes of retryable failures, each with the first backoff in seconds.
    `opted_out_codes`: those that say that the recipient sent STOP to the carrier.
    """
    parameters = {
        "transitions": _APPLIED_TRANSITIONS,
        "retry_limit": policy.limit,
        "age_limit_seconds": policy.age_limit_seconds,
        "retryable_codes": list(retryable_codes),
        "opted_out_codes": list(opted_out_codes),
        "pauses_seconds": list(retryable_codes.values()),
        "backoff_factors": backoff_steps(policy.limit, base_seconds=1.0, limit_seconds=inf),
        "jitter": HALF_JITTER,
    }
    applied, left, contested = 0, limit, 0
    submitted: set[UUID] = set()
    opted_out: list[UUID] = []
    delivered_channels: list[str] = []
    delivered_after_seconds: list[float] = []
    while left and not contested:
        step = retry_unique_violations(connection, partial(_apply, connection, {**parameters, "row_limit": left}))
        applied, left, contested = applied + step.applied, step.waiting, step.contested
        submitted.update(step.submitted_message_ids)
        opted_out += step.opted_out_delivery_ids
        delivered_channels += step.delivered_channels
        delivered_after_seconds += step.delivered_after_seconds
    return AppliedReceipts(
        applied=applied,
        contested=contested,
        submitted_message_ids=sorted(submitted),
        opted_out_delivery_ids=opted_out,
        delivered_channels=delivered_channels,
        delivered_after_seconds=delivered_after_seconds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step(AppliedReceipts):
    waiting: int
    """Receipts of the batch that are left for the next statement."""


def _apply(connection: Connection[Any], parameters: Mapping[str, Any]) -> _Step:
    with connection.cursor(row_factory=class_row(_Step)) as cursor:
        step = cursor.execute(_SQL["apply_receipts"], parameters).fetchone()
    assert step is not None  # noqa: S101 - counts are always returned
    return step


def resolve_contested(connection: Connection[Any]) -> int:
    """Decide to which delivery each contested carrier id belongs, and return how many were taken from their holders.

    A holder that loses its carrier id returns to `unknown`. Runs in a transaction of its own, because it locks
    deliveries in another order than `apply`.
    """
    connection.execute(_SQL["move_receipts_to_holders"])
    contested = [row[0] for row in connection.execute(_SQL["find_contested_ids"])]
    reconciliation.put_holders_in_doubt(connection, contested)
    return len(contested)


def any_unapplied(connection: Connection[Any]) -> bool:
    """Returns whether stored receipts wait to be applied."""
    row = connection.execute(_SQL["has_unapplied"]).fetchone()
    return bool(row and row[0])


def count_refused(connection: Connection[Any], *, channel: str) -> None:
    """Count a callback that was refused because its signature was invalid."""
    connection.execute(_SQL["count_refused"], {"channel": channel})
