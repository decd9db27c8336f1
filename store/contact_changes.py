"""Changes and deletions of contacts. Opt-outs belong to addresses, so they stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.addresses import locate_phone
from store import sql

_SQL = sql.load("contact_changes")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedContact:
    """A contact while it is changed: a phone in E.164, a mail address in lower case, or both."""

    contact_id: UUID
    name: str
    phone: str | None
    email: str | None
    time_zone: str | None
    fields: Mapping[str, str]


class SamePerson(Exception):
    """Another contact of the church is this person already."""

    def __init__(self, contact_id: UUID) -> None:
        super().__init__("another contact is this person")
        self.contact_id = contact_id


def lock(connection: Connection[Any], *, church_id: UUID, contact_id: UUID) -> LockedContact | None:
    """Lock and return the contact. Call contacts.lock_church() first: imports lock contacts too."""
    with connection.cursor(row_factory=class_row(LockedContact)) as cursor:
        return cursor.execute(_SQL["lock_contact"], {"church_id": church_id, "contact_id": contact_id}).fetchone()


def change(connection: Connection[Any], *, church_id: UUID, contact: LockedContact) -> None:
    """Replace everything but the fields of a locked contact, and locate its number. Raises SamePerson."""
    names = {
        "church_id": church_id,
        "contact_id": contact.contact_id,
        "name": contact.name,
        "phone": contact.phone,
        "email": contact.email,
    }
    same = connection.execute(_SQL["find_same_person"], names).fetchone()
    if same is not None:
        raise SamePerson(same[0])
    location = locate_phone(contact.phone) if contact.phone is not None else None
    connection.execute(
        _SQL["change_contact"],
        {
            **names,
            "time_zone": contact.time_zone,
            "number_zones": location.zones if location else None,
            "number_region": location.region if location else None,
        },
    )


def clear_fields(connection: Connection[Any], *, church_id: UUID, contact_id: UUID) -> None:
    connection.execute(_SQL["clear_contact_fields"], {"church_id": church_id, "contact_id": contact_id})


def delete(connection: Connection[Any], *, church_id: UUID, contact_ids: Sequence[UUID]) -> int:
    """Delete contacts of the church, with their memberships, and return how many there were.

    Messages that are not expanded yet do not reach them.
    """
    names = {"church_id": church_id, "contact_ids": list(contact_ids)}
    row = connection.execute(_SQL["delete_contacts"], names).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0]
