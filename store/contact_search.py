"""Finds contacts of a church by what somebody types: a part of a name, a mail address or a number."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.contact_search import patterns_of
from store import sql
from store.contacts import Contact

_SQL = sql.load("contact_search")


def page(
    connection: Connection[Any],
    *,
    church_id: UUID,
    text: str,
    after: UUID | None,
    limit: int,
    group_id: UUID | None = None,
    members: str | None = None,
) -> list[Contact]:
    """Returns up to `limit` contacts after the id `after` that contain every word of the text, oldest first.

    `group_id`: only those that the group lists; `members`: only these, as smart_groups.members() returns them.
    """
    names = {
        "church_id": church_id,
        "patterns": patterns_of(text),
        "after": after or sql.FIRST_ID,
        "group_id": group_id,
        "members": members,
        "row_limit": limit,
    }
    with connection.cursor(row_factory=class_row(Contact)) as cursor:
        return cursor.execute(_SQL["search_contacts"], names).fetchall()
