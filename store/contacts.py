"""The people of a church."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("contacts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    contact_id: UUID
    name: str
    phone: str | None
    created_at: datetime
    opted_out_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """One given contact as it now stands; `created` is false for a person already known."""

    contact_id: UUID
    created: bool


def add(connection: Connection[Any], *, church_id: UUID, people: Sequence[tuple[str, str]]) -> list[Added]:
    """Store (name, E.164 phone) pairs; one answer for each, in the order given."""
    with connection.cursor(row_factory=class_row(Added)) as cursor:
        cursor.execute(
            _SQL["add_contacts"],
            {
                "church_id": church_id,
                "names": [name for name, _ in people],
                "phones": [phone for _, phone in people],
            },
        )
        return cursor.fetchall()


def page(connection: Connection[Any], *, church_id: UUID, after: UUID | None, limit: int) -> list[Contact]:
    """Up to `limit` contacts behind the id `after`, oldest first."""
    with connection.cursor(row_factory=class_row(Contact)) as cursor:
        cursor.execute(
            _SQL["page_contacts"], {"church_id": church_id, "after": after or sql.FIRST_ID, "row_limit": limit}
        )
        return cursor.fetchall()


def unknown(connection: Connection[Any], *, church_id: UUID, contact_ids: Sequence[UUID]) -> set[UUID]:
    """Which of the ids are not this church's."""
    rows = connection.execute(
        _SQL["unknown_contacts"], {"church_id": church_id, "contact_ids": list(contact_ids)}
    ).fetchall()
    return {row[0] for row in rows}
