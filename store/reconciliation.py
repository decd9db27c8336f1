"""Deliveries in doubt, and deliveries without a final receipt: what to look up at the carrier, and what was found."""

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
from store import message_lifecycle, sql
from store.message_lifecycle import ChangedDeliveries
from store.unique_violations import retry_unique_violations

_SQL = sql.load("reconciliation")

Resolution = Literal["sent", "failed", "queued"]
"""A person's decision on a delivery in doubt: it was sent, it counts as failed, or it is to be sent again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _InDoubtRow:
    delivery_id: UUID
    attempt: int
    repeats: int
    address: str
    content: str
    details: dict[str, Any]
    since: datetime
    sender_address: str | None
    messaging_service_sid: str | None

    def delivery(self) -> InDoubtDelivery:
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
    """A delivery that the carrier accepted under this id and that has no final receipt yet."""

    delivery_id: UUID
    attempt: int
    carrier_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageInDoubt:
    """How many deliveries of a message are in doubt, and since when the oldest of them is."""

    church_id: UUID
    message_id: UUID
    channel: str
    deliveries: int
    since: datetime


def claim_in_doubt(
    connection: Connection[Any], *, channel: str, limit: int, hold_seconds: float
) -> list[InDoubtDelivery]:
    """Claim up to `limit` due deliveries in doubt of the channel, for at least `hold_seconds`."""
    with connection.cursor(row_factory=class_row(_InDoubtRow)) as cursor:
        cursor.execute(_SQL["claim_in_doubt"], {"channel": channel, "row_limit": limit, "hold_seconds": hold_seconds})
        return [row.delivery() for row in cursor]


def find_carrier_id_owners(
    connection: Connection[Any], delivery_ids: Sequence[UUID], *, seen: Sequence[str]
) -> dict[str, list[CarrierIdOwner]]:
    """Returns the owners of the carrier ids `seen`, and of all ids of other deliveries to the same recipients.

    Other transactions wait here until this one ends, so that no id is assigned to two deliveries.
    """
    connection.execute(_SQL["lock_reconciliation"])
    by_id: dict[str, list[CarrierIdOwner]] = {}
    with connection.cursor(row_factory=class_row(CarrierIdOwner)) as cursor:
        cursor.execute(_SQL["find_carrier_id_owners"], {"delivery_ids": list(delivery_ids), "seen": list(seen)})
        for owner in cursor:
            by_id.setdefault(owner.carrier_id, []).append(owner)
    return by_id


def find_identical_in_flight(connection: Connection[Any], delivery_ids: Sequence[UUID]) -> set[UUID]:
    """Returns the ids for which another delivery with the same content to the same address is being submitted now."""
    return {
        row[0] for row in connection.execute(_SQL["find_identical_in_flight"], {"delivery_ids": list(delivery_ids)})
    }


def record_found(connection: Connection[Any], found: Sequence[tuple[UUID, int, str]]) -> None:
    """Record (delivery id, attempt, carrier id) that were found at the carrier, as `sent`.

    If another delivery holds the carrier id by now, the delivery stays in doubt.
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
    """Record (delivery id, attempt) that a look-up did not find, and return how many returned to the queue.

    The others are looked up again after `pause_seconds`.
    """
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


def put_holders_in_doubt(connection: Connection[Any], carrier_ids: Sequence[str]) -> None:
    """Take these carrier ids from the deliveries that hold them, and set those deliveries to `unknown`."""
    if carrier_ids:
        names = {"carrier_ids": list(carrier_ids)}
        connection.execute(_SQL["clear_settled_at_of_holders"], names)
        connection.execute(_SQL["put_holders_in_doubt"], names)


def resolve(
    connection: Connection[Any], *, church_id: UUID, message_id: UUID, delivery_id: UUID, status: Resolution
) -> bool | None:
    """Record a person's decision. Returns False if the delivery is not in doubt, None if it does not exist."""
    names = {"church_id": church_id, "message_id": message_id, "delivery_id": delivery_id}
    decision = {"status": status, "reasons": None, "least_seconds": 0.0}
    if message_lifecycle.changed(connection, _SQL["resolve_deliveries"], {**names, **decision}).deliveries:
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
) -> ChangedDeliveries:
    """Record a person's decision on all deliveries of the message that are in doubt, and return them.

    `reasons` and `least_seconds` restrict it to deliveries with these reasons, in doubt for at least this long.
    """
    return message_lifecycle.changed(
        connection,
        _SQL["resolve_deliveries"],
        {
            "church_id": church_id,
            "message_id": message_id,
            "delivery_id": None,
            "status": status,
            "reasons": None if reasons is None else list(reasons),
            "least_seconds": least_seconds,
        },
    )


def list_in_doubt(
    connection: Connection[Any],
    *,
    church_id: UUID | None,
    message_id: UUID | None,
    channel: str | None,
    least_seconds: float,
) -> list[MessageInDoubt]:
    """Returns the messages with deliveries in doubt for at least `least_seconds`, the oldest first; None: of all."""
    with connection.cursor(row_factory=class_row(MessageInDoubt)) as cursor:
        return cursor.execute(
            _SQL["list_in_doubt"],
            {"church_id": church_id, "message_id": message_id, "channel": channel, "least_seconds": least_seconds},
        ).fetchall()


def claim_awaiting_receipts(
    connection: Connection[Any], *, channel: str, limit: int, after_seconds: float
) -> list[AwaitingReceipt]:
    """Claim up to `limit` deliveries to fetch the status of: accepted, and unchanged for `after_seconds`."""
    with connection.cursor(row_factory=class_row(AwaitingReceipt)) as cursor:
        return cursor.execute(
            _SQL["claim_awaiting_receipts"], {"channel": channel, "row_limit": limit, "after_seconds": after_seconds}
        ).fetchall()
