"""What people wrote to a church: lists of it, and what staff have read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

MOST_MARKED = 10_000
"""How many messages are marked as read at once."""

_SQL = sql.load("received_messages")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMessage:
    """A message that a person wrote."""

    inbound_message_id: UUID
    channel: str
    from_address: str
    """Empty when it was redacted."""
    to_address: str
    content: str
    media: list[dict[str, Any]]
    keyword: str | None
    """What its words ask for. None: it is for people to read."""
    received_at: datetime
    read_at: datetime | None
    redacted_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedContact:
    contact_id: UUID
    name: str


def page(
    connection: Connection[Any],
    *,
    church_id: UUID,
    before: UUID | None,
    limit: int,
    address: str | None = None,
    only_unread: bool = False,
    with_keywords: bool = False,
) -> list[ReceivedMessage]:
    """Returns up to `limit` messages before the one with the id `before`, newest first.

    `address`: only of this person. `only_unread` leaves out keywords, which nobody needs to read.
    """
    if only_unread:
        query = _SQL["page_unread"] if address is None else _SQL["page_unread_of_address"]
    elif address is not None:
        query = _SQL["page_inbound_of_address"]
    else:
        query = _SQL["page_inbound"] if with_keywords else _SQL["page_replies"]
    with connection.cursor(row_factory=class_row(ReceivedMessage)) as cursor:
        return cursor.execute(
            query,
            {
                "church_id": church_id,
                "before": before or sql.LAST_ID,
                "row_limit": limit,
                "address": address,
                "with_keywords": with_keywords,
            },
        ).fetchall()


def get(connection: Connection[Any], *, church_id: UUID, inbound_message_id: UUID) -> ReceivedMessage | None:
    names = {"church_id": church_id, "inbound_message_id": inbound_message_id}
    with connection.cursor(row_factory=class_row(ReceivedMessage)) as cursor:
        return cursor.execute(_SQL["get_inbound"], names).fetchone()


def set_read(connection: Connection[Any], *, church_id: UUID, inbound_message_id: UUID, is_read: bool) -> bool:
    """Mark one message as read, or as unread. Returns whether that changed anything."""
    names = {"church_id": church_id, "inbound_message_id": inbound_message_id, "is_read": is_read}
    return connection.execute(_SQL["set_read"], names).rowcount > 0


def set_read_up_to(connection: Connection[Any], *, church_id: UUID, address: str, up_to: UUID | None) -> int:
    """Mark what the person wrote, up to the message `up_to` or all, as read. Returns how many messages changed.

    At most MOST_MARKED, the oldest first: call it again for the others.
    """
    names = {"church_id": church_id, "address": address, "up_to": up_to or sql.LAST_ID, "row_limit": MOST_MARKED}
    return connection.execute(_SQL["set_read_up_to"], names).rowcount


def contacts_of_numbers(
    connection: Connection[Any], *, church_id: UUID, phones: Sequence[str]
) -> dict[str, list[NamedContact]]:
    """Returns the contacts with each of the numbers, at most ten of each: a family may share one."""
    found: dict[str, list[NamedContact]] = {phone: [] for phone in phones}
    names = {"church_id": church_id, "phones": list(found)}
    for phone, contact_id, name in connection.execute(_SQL["find_contacts_of_numbers"], names).fetchall():
        found[phone].append(NamedContact(contact_id=contact_id, name=name))
    return found
