"""The contacts of a church."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.addresses import locate_stored_phone
from messaging.number_regions import number_region
from store import sql

_SQL = sql.load("contacts")

_LOCATED_AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    contact_id: UUID
    name: str
    phone: str | None
    email: str | None
    time_zone: str | None
    created_at: datetime
    opted_out_at: datetime | None
    """When the phone number opted out of texts."""
    mail_opted_out_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A contact to be stored: a phone in E.164, a mail address in lower case, or both."""

    name: str
    phone: str | None = None
    email: str | None = None
    number_region: str | None = None
    """The region of the phone (messaging/number_regions.py), if the caller knows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedContact:
    """A contact as stored; `created` is false if it existed before."""

    contact_id: UUID
    phone: str | None
    email: str | None
    created: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactZones:
    """The `time_zone` that the church stated, and the zones of the phone number (messaging/number_zones.py)."""

    time_zone: str | None = None
    number_zones: str | None = None


def add(connection: Connection[Any], *, church_id: UUID, people: Sequence[Person]) -> list[AddedContact]:
    """Store people and return one contact for each, in the same order.

    A contact is identified by number and name; without a number, by mail address and name.
    """
    lock_church(connection, church_id)
    with_phone = [person for person in people if person.phone is not None]
    without = [person for person in people if person.phone is None]
    if any(person.email for person in with_phone):
        connection.execute(_SQL["add_numbers_to_contacts"], _lists(church_id, with_phone))
    by_phone = iter(_add(connection, _SQL["add_by_phone"], church_id, with_phone))
    by_email = iter(_add(connection, _SQL["add_by_email"], church_id, without))
    return [next(by_email if person.phone is None else by_phone) for person in people]


def lock_church(connection: Connection[Any], church_id: UUID) -> None:
    """Lock the church until the transaction ends: what adds, imports or erases its people is done one at a time."""
    connection.execute(_SQL["lock_church"], {"church_id": church_id})


def _add(
    connection: Connection[Any], query: LiteralString, church_id: UUID, people: Sequence[Person]
) -> list[AddedContact]:
    if not people:
        return []
    with connection.cursor(row_factory=class_row(AddedContact)) as cursor:
        return cursor.execute(query, _lists(church_id, people)).fetchall()


def _lists(church_id: UUID, people: Sequence[Person]) -> dict[str, Any]:
    return {
        "church_id": church_id,
        "names": [person.name for person in people],
        "phones": [person.phone for person in people],
        "emails": [person.email for person in people],
        "regions": [_region(person) for person in people],
    }


def _region(person: Person) -> str | None:
    """The region that is stored with the number."""
    if person.phone is None or person.number_region is not None:
        return person.number_region
    return number_region(person.phone)


def set_zones(connection: Connection[Any], *, church_id: UUID, where: Mapping[UUID, ContactZones]) -> None:
    """Store the time zones of contacts. None leaves a value as it is."""
    connection.execute(
        _SQL["set_contact_zones"],
        {
            "church_id": church_id,
            "contact_ids": list(where),
            "time_zones": [each.time_zone for each in where.values()],
            "number_zones": [each.number_zones for each in where.values()],
        },
    )


def lock_unlocated(connection: Connection[Any], *, limit: int) -> list[tuple[UUID, str]]:
    """Lock and return up to `limit` (contact id, phone) of contacts whose number has no zones or region yet."""
    return connection.execute(_SQL["lock_unlocated_contacts"], {"row_limit": limit}).fetchall()


def locate_numbers(connection: Connection[Any], phones: Mapping[UUID, str]) -> None:
    """Store the zones and the region of the phones of these contacts, of any church."""
    located = [locate_stored_phone(phone) for phone in phones.values()]
    connection.execute(
        _SQL["set_number_locations"],
        {
            "contact_ids": list(phones),
            "number_zones": [each.zones for each in located],
            "number_regions": [each.region for each in located],
        },
    )


def locate_church_numbers(connection: Connection[Any], *, church_id: UUID) -> None:
    """Store the zones and regions of all numbers of a church that have none yet.

    Such contacts were stored by an older release, or not through the API.
    """
    lock_church(connection, church_id)  # excludes imports, which lock contacts too
    names = {"church_id": church_id, "row_limit": _LOCATED_AT_ONCE}
    while phones := dict(connection.execute(_SQL["lock_unlocated_contacts_of_church"], names).fetchall()):
        locate_numbers(connection, phones)


def page(connection: Connection[Any], *, church_id: UUID, after: UUID | None, limit: int) -> list[Contact]:
    """Returns up to `limit` contacts after the id `after`, oldest first."""
    with connection.cursor(row_factory=class_row(Contact)) as cursor:
        cursor.execute(
            _SQL["page_contacts"], {"church_id": church_id, "after": after or sql.FIRST_ID, "row_limit": limit}
        )
        return cursor.fetchall()


def unknown(connection: Connection[Any], *, church_id: UUID, contact_ids: Sequence[UUID]) -> set[UUID]:
    """Returns the ids that belong to no contact of the church."""
    rows = connection.execute(
        _SQL["unknown_contacts"], {"church_id": church_id, "contact_ids": list(contact_ids)}
    ).fetchall()
    return {row[0] for row in rows}
