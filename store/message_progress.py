"""What a message waits for, and whether a new message would be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from store import audiences, sql

_SQL = sql.load("message_progress")


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageProgress:
    """The target of a message, and the state of its church, its sender and its queued deliveries."""

    target: dict[str, list[str]]
    """As in NewMessage."""
    church_suspended_at: datetime | None
    sender_paused_at: datetime | None
    sender_paused_reason: str | None
    sender_slowed_until: datetime | None
    """In the future, or None."""
    segments_per_second: float | None
    queued: int
    queued_due: int
    """Of those, the deliveries that are due."""
    queued_quiet: int
    """Of those, the deliveries that wait for quiet hours to end."""
    next_due_at: datetime | None
    """When the next delivery that is not due yet becomes due."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendPreview:
    """Whether a message would be sent if it were accepted now."""

    sender_paused_reason: str | None
    reaches_anyone: bool
    monthly_quota: int | None = None
    month_segments: int = 0
    """Counted in the month of the message, this one included if it is stored already."""


def get(connection: Connection[Any], *, church_id: UUID, message_id: UUID) -> MessageProgress | None:
    """Returns the progress of the church's message; None if it does not exist."""
    names = {"church_id": church_id, "message_id": message_id}
    with connection.cursor(row_factory=class_row(MessageProgress)) as cursor:
        return cursor.execute(_SQL["get_progress"], names).fetchone()


def preview(
    connection: Connection[Any],
    *,
    church_id: UUID,
    channel: str,
    address_kind: AddressKind,
    target_type: str,
    target: Mapping[str, list[str]],
    day: date | None = None,
) -> SendPreview:
    """Returns whether a message for this target would be sent. Without a sender on the channel it reaches nobody.

    `day`: on which it counts against the church's quota; None: it does not.
    """
    if audiences.has_groups(target):
        query = _SQL["preview_groups"]
    elif target_type == "all":
        query = _SQL["preview_all_phones"] if address_kind is AddressKind.PHONE else _SQL["preview_all_emails"]
    else:
        query = _SQL["preview_contacts"] if target_type == "contacts" else _SQL["preview_addresses"]
    names = {
        "church_id": church_id,
        "channel": channel,
        "day": day,
        "address_kind": address_kind.value,
        "contact_ids": target.get("contactIds", []),
        "addresses": target.get("phoneNumbers") or target.get("emailAddresses") or [],
        "target_type": target_type,
        "target": Jsonb(dict(target)),
        **audiences.smart_members(connection, church_id=church_id, target=target),
    }
    with connection.cursor(row_factory=class_row(SendPreview)) as cursor:
        found = cursor.execute(query, names).fetchone()
    return found or SendPreview(sender_paused_reason=None, reaches_anyone=False)
