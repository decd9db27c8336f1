"""The contacts of a church as they are exported, some at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("contact_export")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportedContact:
    contact_id: UUID
    name: str
    phone: str | None
    email: str | None
    time_zone: str | None
    fields: dict[str, str]
    opted_out_at: datetime | None
    """When the phone number opted out of texts."""
    mail_opted_out_at: datetime | None


def page(
    connection: Connection[Any], *, church_id: UUID, group_id: UUID | None, after: UUID | None, limit: int
) -> list[ExportedContact]:
    """Returns up to `limit` contacts after the id `after`, oldest first, of a group or of all."""
    names = {"church_id": church_id, "group_id": group_id, "after": after or sql.FIRST_ID, "row_limit": limit}
    with connection.cursor(row_factory=class_row(ExportedContact)) as cursor:
        return cursor.execute(_SQL["page_exported_contacts"], names).fetchall()


def get_several(connection: Connection[Any], *, church_id: UUID, contact_ids: Sequence[UUID]) -> list[ExportedContact]:
    """Returns those of the ids that are contacts of the church, oldest first."""
    names = {"church_id": church_id, "contact_ids": list(contact_ids)}
    with connection.cursor(row_factory=class_row(ExportedContact)) as cursor:
        return cursor.execute(_SQL["get_exported_contacts"], names).fetchall()
