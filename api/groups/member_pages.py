"""The members of a group, page by page, whether it lists them or is smart."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from messaging.group_conditions import parse_condition
from store import contacts, smart_groups
from store.contacts import Contact
from store.groups import Group


def page_of_members(
    connection: Connection[Any], *, church_id: UUID, group: Group, after: UUID | None, limit: int
) -> list[Contact]:
    """Return up to `limit` members after the id `after`, oldest first."""
    if group.condition is None:
        return contacts.page_of_group(
            connection, church_id=church_id, group_id=group.group_id, after=after, limit=limit
        )
    ids = smart_groups.page_ids(
        connection, church_id=church_id, condition=parse_condition(group.condition), after=after, limit=limit
    )
    return contacts.get_several(connection, church_id=church_id, contact_ids=ids)
