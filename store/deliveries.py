"""Deliveries: one message to one recipient each. Their results are recorded in batches; store/claims.py claims them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.states import Status
from store import reconciliation, sql

_SQL = sql.load("deliveries")

_ID_CONFLICT_REASON = "the carrier answered with the id of another message"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryUpdate:
    """The result of a submission, to record. `delay_seconds`: when the delivery is due again; None keeps its due_at."""

    delivery_id: UUID
    attempt: int
    status: Status
    carrier_id: str | None = None
    error_code: str | None = None
    reason: str | None = None
    delay_seconds: float | None = None
    counts_as_try: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    delivery_id: UUID
    contact_id: UUID | None
    address: str | None
    status: str
    reason: str | None
    error_code: str | None
    attempts: int
    carrier_id: str | None
    updated_at: datetime
    waits_until: datetime | None
    segments: int | None
    """Of its own text, if its message has merge fields whose values change the number."""
    content: str | None
    """Its own text; None if everybody gets the text of the message."""
    details: dict[str, Any] | None


def record(connection: Connection[Any], results: Sequence[DeliveryUpdate], *, ids_conflict: bool = False) -> int:
    """Record results of claimed deliveries, and return how many deliveries changed.

    A delivery that is in another attempt by now does not change; an acceptance of it is stored as a receipt. Raises
    psycopg.errors.UniqueViolation if two deliveries would hold one carrier id. The caller then repeats the call in a
    new transaction with `ids_conflict`: a delivery that holds the id without a receipt that confirms it returns to
    `unknown`.
    """
    if ids_conflict:
        results = _resolve_id_conflicts(connection, results)
    queued_again = [result.delivery_id for result in results if result.status is Status.QUEUED]
    if queued_again:
        connection.execute(_SQL["reopen_messages"], {"delivery_ids": queued_again})
    accepted = {
        "delivery_ids": [result.delivery_id for result in results],
        "attempts": [result.attempt for result in results],
        "statuses": [result.status.value for result in results],
        "carrier_ids": [result.carrier_id for result in results],
    }
    changed = connection.execute(
        _SQL["record_results"],
        {
            **accepted,
            "error_codes": [result.error_code for result in results],
            "reasons": [result.reason for result in results],
            "delays_seconds": [result.delay_seconds for result in results],
            "tries_added": [int(result.counts_as_try) for result in results],
        },
    ).rowcount
    if changed < len(results):
        connection.execute(_SQL["store_acceptances_as_receipts"], accepted)
    return changed


def _resolve_id_conflicts(connection: Connection[Any], results: Sequence[DeliveryUpdate]) -> list[DeliveryUpdate]:
    """Take the carrier ids of these results from other deliveries, and return the results to record.

    A delivery whose receipts confirm that an id is its own keeps it, and of several results with one id the first gets
    it. The other results become `unknown`.
    """
    accepted = [result for result in results if result.carrier_id is not None]
    found = connection.execute(
        _SQL["find_id_conflicts"],
        {
            "delivery_ids": [result.delivery_id for result in accepted],
            "carrier_ids": [result.carrier_id for result in accepted],
        },
    ).fetchall()
    reconciliation.put_holders_in_doubt(connection, [carrier_id for _, carrier_id, is_proven in found if not is_proven])
    unknown = {delivery_id for delivery_id, _, is_proven in found if is_proven}
    owners: dict[str, UUID] = {}
    for result in accepted:
        if result.delivery_id not in unknown:
            owners.setdefault(result.carrier_id or "", result.delivery_id)
    return [
        replace(result, status=Status.UNKNOWN, carrier_id=None, reason=_ID_CONFLICT_REASON, delay_seconds=0.0)
        if result.carrier_id is not None and owners.get(result.carrier_id) != result.delivery_id
        else result
        for result in results
    ]


def opt_out_recipients(connection: Connection[Any], delivery_ids: Sequence[UUID]) -> None:
    """Record opt-outs of the recipients of these deliveries, each from the church of the delivery."""
    connection.execute(_SQL["opt_out_recipients"], {"delivery_ids": list(delivery_ids)})


def expire_leases(connection: Connection[Any]) -> int:
    """Set every delivery whose lease expired to `unknown`, and return how many."""
    return connection.execute(_SQL["expire_leases"]).rowcount


def segments_of(connection: Connection[Any], delivery_id: UUID) -> int | None:
    """Returns the segments of the delivery's own text; None if they are those of its message."""
    row = connection.execute(_SQL["get_segments"], {"delivery_id": delivery_id}).fetchone()
    return row[0] if row else None


def page(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    statuses: Sequence[str] | None,
    after: UUID | None,
    limit: int,
) -> list[Delivery]:
    """Returns up to `limit` deliveries of the message after the id `after`, of these statuses or of all."""
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        cursor.execute(
            _SQL["page_deliveries"],
            {
                "church_id": church_id,
                "message_id": message_id,
                "statuses": None if statuses is None else list(statuses),
                "after": after or sql.FIRST_ID,
                "row_limit": limit,
            },
        )
        return cursor.fetchall()
