"""The fields that a church makes for its contacts: their names, and the values of contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.contact_fields import MAX_FIELDS
from store import sql

_SQL = sql.load("contact_fields")

FieldValues = Mapping[str, str | None]
"""The values of fields by name; None removes the field of the contact."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactField:
    name: str
    created_at: datetime
    contacts: int
    """How many contacts have a value."""


class TooManyFields(Exception):
    """The church would have more names of fields than it may have."""

    def __init__(self, names: int) -> None:
        super().__init__(f"{names} names of fields")
        self.names = names


def set_values(connection: Connection[Any], *, church_id: UUID, values: Mapping[UUID, FieldValues]) -> None:
    """Set fields of the church's contacts; fields that are not named stay. Call contacts.lock_church() first.

    Names that are new are added to those of the church. Raises TooManyFields; then roll back.
    """
    names = {name for fields in values.values() for name, value in fields.items() if value is not None}
    add_names(connection, church_id=church_id, names=names)
    changed = {contact_id: fields for contact_id, fields in values.items() if fields}
    if changed:
        connection.execute(
            _SQL["set_contact_fields"],
            {
                "church_id": church_id,
                "contact_ids": list(changed),
                "fields": [Jsonb(dict(fields)) for fields in changed.values()],
            },
        )


def add_names(connection: Connection[Any], *, church_id: UUID, names: Collection[str]) -> None:
    """Add the names that the church does not have yet. Call contacts.lock_church() first.

    Raises TooManyFields; then roll back.
    """
    if not names:
        return
    row = connection.execute(_SQL["add_field_names"], {"church_id": church_id, "names": sorted(names)}).fetchone()
    if row is not None and row[0] > MAX_FIELDS:
        raise TooManyFields(row[0])


def list_all(connection: Connection[Any], *, church_id: UUID) -> list[ContactField]:
    """Returns all fields of the church, at most MAX_FIELDS, by name."""
    with connection.cursor(row_factory=class_row(ContactField)) as cursor:
        return cursor.execute(_SQL["list_contact_fields"], {"church_id": church_id}).fetchall()


def names(connection: Connection[Any], *, church_id: UUID) -> list[str]:
    """Returns the names of the church's fields."""
    return [name for (name,) in connection.execute(_SQL["list_field_names"], {"church_id": church_id}).fetchall()]


def lock(connection: Connection[Any], *, church_id: UUID, name: str) -> bool:
    """Lock a field after texts that are being accepted with it. Returns False if the church has no such field.

    Call contacts.lock_church() first: all transactions lock the church before its fields and groups.
    """
    names = {"church_id": church_id, "name": name}
    return connection.execute(_SQL["lock_field_name"], names).fetchone() is not None


def delete(connection: Connection[Any], *, church_id: UUID, name: str) -> int:
    """Delete a field to which nothing refers, with its values, and return how many contacts had one.

    Call contacts.lock_church() and lock() first.
    """
    parameters: dict[str, Any] = {"church_id": church_id, "name": name}
    connection.execute(_SQL["delete_field_name"], parameters)
    row: Sequence[int] | None = connection.execute(_SQL["delete_field_values"], parameters).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0]
