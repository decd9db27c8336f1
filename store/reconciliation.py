"""Deliveries of which nobody knows, or nobody said, what became of them: who is to be asked for, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.reconciliation import CarrierIdOwner, ReconciliationPolicy
from messaging.submissions import InDoubtDelivery, Sender
from store import sql
from store.unique_violations import retry_unique_violations

_SQL = sql.load("reconciliation")

Resolution = Literal["sent", "failed", "queued"]
"""What a person can say of a delivery in doubt: the recipient has it, nobody is to have it, send it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _SuspectRow:
    delivery_id: UUID
    attempt: int
    repeats: int
    address: str
    content: str
    details: dict[str, Any]
    since: datetime
    sender_address: str | None
    messaging_service_sid: str | None

    def suspect(self) -> InDoubtDelivery:
        return InDoubtDelivery(
            delivery_id=self.delivery_id,
            attempt=self.attempt,
            repeats=self.repeats,
            address=self.address,
            content=self.content,
            details=self.details,
            sender=Sender(address=self.sender_address, messaging_service_sid=self.messaging_service_sid),
            since=self.since,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class AwaitingReceipt:
    """Accepted by the carrier under this id, and no ending heard of."""

    delivery_id: UUID
    attempt: int
    carrier_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageInDoubt:
    """How many deliveries of a message are in doubt, the oldest of them since when."""

    church_id: UUID
    message_id: UUID
    channel: str
    deliveries: int
    since: datetime


def claim_in_doubt(
    connection: Connection[Any], *, channel: str, limit: int, hold_seconds: float
) -> list[InDoubtDelivery]:
    """Up to `limit` of the channel's deliveries in doubt whose time has come. Nobody else gets them for a while."""
    with connection.cursor(row_factory=class_row(_SuspectRow)) as cursor:
        cursor.execute(_SQL["claim_in_doubt"], {"channel": channel, "row_limit": limit, "hold_seconds": hold_seconds})
        return [row.suspect() for row in cursor]


def find_carrier_id_owners(
    connection: Connection[Any], delivery_ids: Sequence[UUID], *, seen: Sequence[str]
) -> dict[str, list[CarrierIdOwner]]:
    """To whom the carrier's ids `seen` belong, and all those of other deliveries to the suspects' recipients.

    Holds off every other settler until the transaction ends, so that no id is given to two deliveries.
    """
    connection.execute(_SQL["lock_reconciliation"])
    by_id: dict[str, list[CarrierIdOwner]] = {}
    with connection.cursor(row_factory=class_row(CarrierIdOwner)) as cursor:
        cursor.execute(_SQL["find_carrier_id_owners"], {"delivery_ids": list(delivery_ids), "seen": list(seen)})
        for claimant in cursor:
            by_id.setdefault(claimant.carrier_id, []).append(claimant)
    return by_id


def find_identical_in_flight(connection: Connection[Any], delivery_ids: Sequence[UUID]) -> set[UUID]:
    """Those beside which another delivery with the same words to the same person is being submitted just now."""
    return {
        row[0] for row in connection.execute(_SQL["find_identical_in_flight"], {"delivery_ids": list(delivery_ids)})
    }


def record_found(connection: Connection[Any], found: Sequence[tuple[UUID, int, str]]) -> None:
    """(delivery id, attempt, carrier id): the carrier had them all the while.

    One whose id another delivery holds by now stays in doubt.
    """
    connection.execute(_SQL["lock_messages"], {"delivery_ids": [delivery_id for delivery_id, _, _ in found]})
    parameters = {
        "delivery_ids": [delivery_id for delivery_id, _, _ in found],
        "attempts": [attempt for _, attempt, _ in found],
        "carrier_ids": [carrier_id for _, _, carrier_id in found],
    }
    retry_unique_violations(connection, lambda: connection.execute(_SQL["record_found"], parameters))


def record_missing(
    connection: Connection[Any],
    missing: Sequence[tuple[UUID, int]],
    *,
    policy: ReconciliationPolicy,
    pause_seconds: float,
) -> int:
    """(delivery id, attempt): once more not found. How many went back to the queue; the others are asked for again."""
    connection.execute(_SQL["lock_messages"], {"delivery_ids": [delivery_id for delivery_id, _ in missing]})
    row = connection.execute(
        _SQL["record_missing"],
        {
            "delivery_ids": [delivery_id for delivery_id, _ in missing],
            "attempts": [attempt for _, attempt in missing],
            "reads": policy.reads,
            "period_seconds": policy.period_seconds,
            "pause_seconds": pause_seconds,
            "age_limit_seconds": policy.age_limit_seconds,
        },
    ).fetchone()
    return row[0] if row else 0


def put_holders_back_in_doubt(connection: Connection[Any], carrier_ids: Sequence[str]) -> None:
    """Let whoever holds these ids of the carrier's be looked for again: the texts turned out to be others'."""
    if carrier_ids:
        names = {"carrier_ids": list(carrier_ids)}
        connection.execute(_SQL["clear_settled_at_of_holders"], names)
        connection.execute(_SQL["put_holders_in_doubt"], names)


def resolve(
    connection: Connection[Any], *, church_id: UUID, message_id: UUID, delivery_id: UUID, status: Resolution
) -> bool | None:
    """A person's word on a delivery in doubt. False when it is in no doubt, None when there is no such delivery."""
    names = {"church_id": church_id, "message_id": message_id, "delivery_id": delivery_id}
    everything = {"status": status, "reasons": None, "least_seconds": 0.0}
    if connection.execute(_SQL["resolve_deliveries"], {**names, **everything}).rowcount:
        return True
    row = connection.execute(_SQL["delivery_exists"], names).fetchone()
    return False if row and row[0] else None


def resolve_all(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    status: Resolution,
    reasons: Sequence[str] | None = None,
    least_seconds: float = 0.0,
) -> int:
    """A person's word on all that the message has in doubt for so long, or for one of the reasons; on how many."""
    return connection.execute(
        _SQL["resolve_deliveries"],
        {
            "church_id": church_id,
            "message_id": message_id,
            "delivery_id": None,
            "status": status,
            "reasons": None if reasons is None else list(reasons),
            "least_seconds": least_seconds,
        },
    ).rowcount


def list_in_doubt(
    connection: Connection[Any],
    *,
    church_id: UUID | None,
    message_id: UUID | None,
    channel: str | None,
    least_seconds: float,
) -> list[MessageInDoubt]:
    """Messages with deliveries in doubt for so long, of one church, message or channel or of all; the oldest first."""
    with connection.cursor(row_factory=class_row(MessageInDoubt)) as cursor:
        return cursor.execute(
            _SQL["list_in_doubt"],
            {"church_id": church_id, "message_id": message_id, "channel": channel, "least_seconds": least_seconds},
        ).fetchall()


def claim_awaiting_receipts(
    connection: Connection[Any], *, channel: str, limit: int, after_seconds: float
) -> list[AwaitingReceipt]:
    """Up to `limit` deliveries to ask the carrier about, silent for `after_seconds` and longer."""
    with connection.cursor(row_factory=class_row(AwaitingReceipt)) as cursor:
        return cursor.execute(
            _SQL["claim_awaiting_receipts"], {"channel": channel, "row_limit": limit, "after_seconds": after_seconds}
        ).fetchall()
