"""What is stored about one person of a church, found by phone numbers and mail addresses: to be read, or erased.

Erasing takes one transaction for the contacts and schedules and one for each page of messages. It may be killed and run
again at any point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import import_retention, sql
from store.import_retention import ImportedVersion
from store.opt_outs import ConsentEvent, OptOut

MESSAGES_AT_ONCE = 500
"""Messages whose deliveries are looked through in one transaction."""

_SQL = sql.load("people")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonContact:
    contact_id: UUID
    name: str
    phone: str | None
    email: str | None
    time_zone: str | None
    fields: Mapping[str, str]
    created_at: datetime
    groups: list[str]
    """The names of the groups that list the contact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonDelivery:
    """A delivery to the person, with the text that was sent: empty if it was redacted."""

    delivery_id: UUID
    message_id: UUID
    channel: str
    content: str
    details: dict[str, Any]
    send_at: datetime
    address: str
    status: str
    reason: str | None
    error_code: str | None
    attempts: int
    carrier_id: str | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonInboundMessage:
    """A message that the person wrote to the church."""

    inbound_message_id: UUID
    channel: str
    from_address: str
    to_address: str
    content: str
    media: list[dict[str, Any]]
    keyword: str | None
    received_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonRecords:
    """What is stored about a person, without the deliveries."""

    contacts: list[PersonContact]
    opt_outs: list[OptOut]
    consent_events: list[ConsentEvent]
    schedule_ids: list[UUID]
    """Schedules whose target lists an address of the person."""
    inbound_messages: list[PersonInboundMessage]
    imported_versions: list[ImportedVersion]
    """What imports keep of the contacts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasedContacts:
    contacts: int
    inbound_messages: int
    """Messages that the person wrote, of which the text and the number were removed."""
    schedules: int
    other_addresses: list[str]
    """Addresses of the deleted contacts that were not erased themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasedDeliveries:
    erased: int
    stopped: int
    """Of those, the deliveries that were queued: they are suppressed."""
    unfinished: int
    """Deliveries that are being submitted or in doubt: they keep the address."""


def find(connection: Connection[Any], *, church_id: UUID, addresses: Sequence[str]) -> PersonRecords:
    names = {"church_id": church_id, "addresses": list(addresses)}
    with connection.cursor(row_factory=class_row(PersonContact)) as cursor:
        contacts = cursor.execute(_SQL["find_contacts"], names).fetchall()
    with connection.cursor(row_factory=class_row(OptOut)) as cursor:
        opt_outs = cursor.execute(_SQL["find_opt_outs"], names).fetchall()
    with connection.cursor(row_factory=class_row(ConsentEvent)) as cursor:
        consent_events = cursor.execute(_SQL["find_consent_events"], names).fetchall()
    with connection.cursor(row_factory=class_row(PersonInboundMessage)) as cursor:
        inbound_messages = cursor.execute(_SQL["find_inbound_messages"], names).fetchall()
    schedules = connection.execute(_SQL["find_schedules"], names).fetchall()
    return PersonRecords(
        contacts=contacts,
        opt_outs=opt_outs,
        consent_events=consent_events,
        schedule_ids=[schedule_id for (schedule_id,) in schedules],
        inbound_messages=inbound_messages,
        imported_versions=import_retention.find_versions(
            connection, church_id=church_id, contact_ids=[contact.contact_id for contact in contacts]
        ),
    )


def page_messages(connection: Connection[Any], *, church_id: UUID, after: UUID) -> list[UUID]:
    """Returns the next MESSAGES_AT_ONCE messages of the church whose deliveries are kept, oldest first."""
    names = {"church_id": church_id, "after": after, "row_limit": MESSAGES_AT_ONCE}
    return [row[0] for row in connection.execute(_SQL["page_messages_with_deliveries"], names)]


def find_deliveries(
    connection: Connection[Any], *, church_id: UUID, message_ids: Sequence[UUID], addresses: Sequence[str]
) -> list[PersonDelivery]:
    """Returns the deliveries of these messages to the addresses, oldest message first."""
    names = {"church_id": church_id, "message_ids": list(message_ids), "addresses": list(addresses)}
    with connection.cursor(row_factory=class_row(PersonDelivery)) as cursor:
        return cursor.execute(_SQL["find_deliveries"], names).fetchall()


def erase_contacts(connection: Connection[Any], *, church_id: UUID, addresses: Sequence[str]) -> ErasedContacts:
    """Delete the contacts with these addresses, with their fields and memberships, and what the person wrote.

    The addresses are removed from the targets of schedules and the conditions of smart groups.

    Opt-outs and their history stay: without them the person would be texted again when imported again.
    """
    names = {"church_id": church_id, "addresses": list(addresses)}
    connection.execute(_SQL["lock_church"], names)
    deleted = connection.execute(_SQL["delete_contacts"], names).fetchall()
    connection.execute(_SQL["erase_from_conditions"], names)
    inbound_messages = connection.execute(_SQL["erase_inbound_messages"], names).rowcount
    connection.execute(_SQL["delete_conversations"], names)
    contact_ids = [contact_id for contact_id, _, _ in deleted]
    import_retention.erase(connection, church_id=church_id, addresses=addresses, contact_ids=contact_ids)
    others = {address for _, *row in deleted for address in row if address is not None} - set(addresses)
    return ErasedContacts(
        contacts=len(deleted),
        inbound_messages=inbound_messages,
        schedules=connection.execute(_SQL["erase_from_schedules"], names).rowcount,
        other_addresses=sorted(others),
    )


def erase_deliveries(
    connection: Connection[Any], *, church_id: UUID, message_ids: Sequence[UUID], addresses: Sequence[str]
) -> ErasedDeliveries:
    """Remove the addresses from these messages' targets and deliveries. Run it after `erase_contacts` is committed."""
    names = {"church_id": church_id, "message_ids": list(message_ids), "addresses": list(addresses)}
    connection.execute(_SQL["lock_unfinished_messages"], names)
    connection.execute(_SQL["erase_direct_texts"], names)
    connection.execute(_SQL["erase_from_targets"], names)
    with connection.cursor(row_factory=class_row(ErasedDeliveries)) as cursor:
        erased = cursor.execute(_SQL["erase_deliveries"], names).fetchone()
    assert erased is not None  # noqa: S101 - counts are always returned
    return erased
