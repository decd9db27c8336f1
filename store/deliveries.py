"""Deliveries: one message to one recipient each. They are claimed, and their results recorded, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.states import Status
from messaging.submissions import Envelope, Sender
from store import reconciliation, sql

_SQL = sql.load("deliveries")

_ID_CONFLICT_REASON = "the carrier answered with the id of another message"
_MIN_CLAIM_INTERVAL_SECONDS = 0.25
"""The shortest time between two claims of a paced sender; each claim takes the tokens that accrued since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The result of a claim: `taken` deliveries were due and handled, of which `envelopes` are to be submitted."""

    taken: int
    envelopes: list[Envelope]
    request_ids: frozenset[str]
    again_in_seconds: float | None
    """When to claim again: 0 if more may be due now, later if the pace limited the claim, None if nothing is due."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ClaimedRow:
    delivery_id: UUID
    attempt: int
    address: str
    content: str
    details: dict[str, Any]
    request_id: str
    tries: int
    age_seconds: float
    sender_address: str | None
    messaging_service_sid: str | None
    sender_details: dict[str, Any]
    to_submit: bool

    def envelope(self) -> Envelope:
        return Envelope(
            delivery_id=self.delivery_id,
            attempt=self.attempt,
            address=self.address,
            content=self.content,
            sender=Sender(
                address=self.sender_address,
                messaging_service_sid=self.messaging_service_sid,
                details=self.sender_details,
            ),
            details=self.details,
            tries=self.tries,
            age_seconds=self.age_seconds,
        )


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


def claim(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    limit: int,
    lease_seconds: float,
    keeps_quiet_hours: bool,
    age_limit_seconds: float,
) -> Claim:
    """Claim up to `limit` due deliveries, oldest first, within the sender's pace. Commit before submitting them.

    The claim holds until the lease expires. A paused sender has no claim. If the channel keeps quiet hours, deliveries
    whose texting hours are over, or end before the lease, are postponed. Deliveries older than the age limit fail.
    Deliveries with an unapplied receipt are skipped.
    """
    names = {"church_id": church_id, "channel": channel}
    connection.execute(_SQL["lock_sender"], names)
    with connection.cursor(row_factory=class_row(_ClaimedRow)) as cursor:
        rows = cursor.execute(
            _SQL["claim"],
            {
                **names,
                "row_limit": limit,
                "lease_seconds": lease_seconds,
                "keeps_quiet_hours": keeps_quiet_hours,
                "age_limit_seconds": age_limit_seconds,
            },
        ).fetchall()
    submitted = [row for row in rows if row.to_submit]
    return Claim(
        taken=len(rows),
        envelopes=[row.envelope() for row in submitted],
        request_ids=frozenset(row.request_id for row in submitted),
        again_in_seconds=0.0 if len(rows) == limit else _seconds_until_next_claim(connection, names) if rows else None,
    )


def _seconds_until_next_claim(connection: Connection[Any], names: Mapping[str, Any]) -> float | None:
    """Returns the wait of a paced sender with more due deliveries; None for other senders."""
    row = connection.execute(_SQL["pace_after_claim"], names).fetchone()
    return max(_MIN_CLAIM_INTERVAL_SECONDS, row[0]) if row else None


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


def due_batches(connection: Connection[Any]) -> list[tuple[UUID, str]]:
    """Returns (church id, channel) of every sender that may send due deliveries now.

    Also of senders that are paused by a refusal that no job has reported yet: their next job reports it.
    """
    return connection.execute(_SQL["due_batches"]).fetchall()


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
