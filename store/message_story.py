"""What became of one message or one delivery, for operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("message_story")

MOST_GROUPS = 50
MOST_RECEIPTS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundMessage:
    message_id: UUID
    church_id: UUID
    church_name: str
    request_id: str
    resumed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryGroup:
    """Deliveries of a message of which the same became."""

    status: str
    reason: str | None
    error_code: str | None
    deliveries: int
    example_id: UUID
    """One of them."""
    first_at: datetime
    last_at: datetime
    """When the first and the last of them changed for the last time."""
    found: int
    """How many groups there are, returned or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptCounts:
    attempts: int
    """Claims for submission, of all deliveries together."""
    sent_more_than_once: int
    """Deliveries with more than one attempt."""
    refused_for_now: int
    """Deliveries that the carrier refused temporarily at least once."""
    not_found_at_carrier: int
    """Deliveries that were in doubt, were not found at the carrier, and were sent again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptGroup:
    status: str
    receipts: int
    unapplied: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundDelivery:
    delivery_id: UUID
    message_id: UUID
    church_id: UUID
    church_name: str
    channel: str
    contact_id: UUID | None
    address: str | None
    status: str
    reason: str | None
    error_code: str | None
    attempts: int
    tries: int
    """How often the carrier refused it temporarily."""
    repeats: int
    """How often it was sent again because it was not found at the carrier."""
    missed_reads: int
    """How many look-ups in a row did not find it at the carrier."""
    carrier_id: str | None
    updated_at: datetime
    lease_until: datetime | None
    due_at: datetime | None
    """When it is looked at next; None while its message is paused."""
    expanded_at: datetime | None
    """When it was created."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredReceipt:
    status: str
    attempt: int
    carrier_id: str
    error_code: str | None
    received_at: datetime
    applied_at: datetime | None


def find_message(connection: Connection[Any], message_id: UUID) -> FoundMessage | None:
    with connection.cursor(row_factory=class_row(FoundMessage)) as cursor:
        return cursor.execute(_SQL["find_message"], {"message_id": message_id}).fetchone()


def count_groups(connection: Connection[Any], message_id: UUID) -> list[DeliveryGroup]:
    names = {"message_id": message_id, "row_limit": MOST_GROUPS}
    with connection.cursor(row_factory=class_row(DeliveryGroup)) as cursor:
        return cursor.execute(_SQL["count_groups"], names).fetchall()


def count_attempts(connection: Connection[Any], message_id: UUID) -> AttemptCounts:
    with connection.cursor(row_factory=class_row(AttemptCounts)) as cursor:
        found = cursor.execute(_SQL["count_attempts"], {"message_id": message_id}).fetchone()
    assert found is not None  # noqa: S101 - an aggregate
    return found


def count_receipts(connection: Connection[Any], message_id: UUID) -> list[ReceiptGroup]:
    with connection.cursor(row_factory=class_row(ReceiptGroup)) as cursor:
        return cursor.execute(_SQL["count_receipts"], {"message_id": message_id}).fetchall()


def find_delivery(connection: Connection[Any], delivery_id: UUID) -> FoundDelivery | None:
    with connection.cursor(row_factory=class_row(FoundDelivery)) as cursor:
        return cursor.execute(_SQL["get_delivery"], {"delivery_id": delivery_id}).fetchone()


def list_receipts(connection: Connection[Any], delivery: FoundDelivery) -> list[StoredReceipt]:
    """Returns the receipts of the delivery's present attempt, and any that are not applied yet, in order."""
    names = {"delivery_id": delivery.delivery_id, "carrier_id": delivery.carrier_id, "row_limit": MOST_RECEIPTS}
    with connection.cursor(row_factory=class_row(StoredReceipt)) as cursor:
        return cursor.execute(_SQL["list_receipts"], names).fetchall()
