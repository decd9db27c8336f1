"""The groups of a church. The members of a smart group follow from its condition (store/smart_groups.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import sql

_SQL = sql.load("groups")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    group_id: UUID
    name: str
    condition: Mapping[str, Any] | None
    """Who belongs to a smart group, as in messaging/group_conditions.py; None: its members are listed."""
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetGroup:
    """A group to which the target of a message refers."""

    message_id: UUID
    church_id: UUID
    group_id: UUID
    exists: bool
    is_smart: bool


class NameTaken(Exception):
    """Another group of the church has the name."""

    def __init__(self, group: Group) -> None:
        super().__init__("another group has the name")
        self.group = group


class TooManyGroups(Exception):
    """The church has as many groups as it may have."""


def lock_definitions(connection: Connection[Any], church_id: UUID) -> None:
    """Keep other transactions from creating, changing or deleting groups of the church until this one ends."""
    connection.execute(_SQL["lock_church"], {"church_id": church_id})


def create(
    connection: Connection[Any], *, church_id: UUID, name: str, condition: Mapping[str, Any] | None, limit: int
) -> tuple[Group, bool]:
    """Returns the group and whether it is new: False if the church has this group already.

    Call lock_definitions() first. Raises NameTaken if a different group has the name, and TooManyGroups.
    """
    names = {"church_id": church_id, "name": name, "condition": _json(condition)}
    created = _one(connection, _SQL["insert_group"], names)
    if created is None:
        existing = _one(connection, _SQL["find_group_by_name"], {"church_id": church_id, "name": name})
        assert existing is not None  # noqa: S101 - the church's groups are locked
        if existing.condition != condition:
            raise NameTaken(existing)
        return existing, False
    row = connection.execute(_SQL["count_groups"], {"church_id": church_id}).fetchone()
    if row is not None and row[0] > limit:
        raise TooManyGroups
    return created, True


def get(connection: Connection[Any], *, church_id: UUID, group_id: UUID) -> Group | None:
    return _one(connection, _SQL["get_group"], {"church_id": church_id, "group_id": group_id})


def lock(connection: Connection[Any], *, church_id: UUID, group_id: UUID) -> Group | None:
    """Lock and return the group, after messages that are being accepted for it. Call lock_definitions() first."""
    return _one(connection, _SQL["lock_group"], {"church_id": church_id, "group_id": group_id})


def lock_known(connection: Connection[Any], *, church_id: UUID, group_ids: Sequence[UUID]) -> set[UUID]:
    """Returns those of the ids that are groups of the church. They are not deleted before the transaction ends."""
    names = {"church_id": church_id, "group_ids": list(group_ids)}
    return {group_id for group_id, _ in connection.execute(_SQL["lock_known_groups"], names).fetchall()}


def find_known(connection: Connection[Any], *, church_id: UUID, group_ids: Sequence[UUID]) -> set[UUID]:
    """Returns those of the ids that are groups of the church."""
    names = {"church_id": church_id, "group_ids": list(group_ids)}
    return {group_id for (group_id,) in connection.execute(_SQL["find_known_groups"], names).fetchall()}


def page(connection: Connection[Any], *, church_id: UUID, after: UUID | None, limit: int) -> list[Group]:
    """Returns up to `limit` groups after the id `after`, oldest first."""
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        cursor.execute(
            _SQL["page_groups"], {"church_id": church_id, "after": after or sql.FIRST_ID, "row_limit": limit}
        )
        return cursor.fetchall()


def count_members(connection: Connection[Any], group_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Returns how many members each of these groups lists; a smart group lists none."""
    return dict(connection.execute(_SQL["count_members"], {"group_ids": list(group_ids)}).fetchall())


def change(
    connection: Connection[Any], *, church_id: UUID, group_id: UUID, name: str, condition: Mapping[str, Any] | None
) -> None:
    """Replace the name and the condition of a group. Raises NameTaken. Call lock_definitions() first."""
    holder = _one(connection, _SQL["find_group_by_name"], {"church_id": church_id, "name": name})
    if holder is not None and holder.group_id != group_id:
        raise NameTaken(holder)
    names = {"church_id": church_id, "group_id": group_id, "name": name, "condition": _json(condition)}
    connection.execute(_SQL["change_group"], names)


def delete(connection: Connection[Any], *, church_id: UUID, group_id: UUID) -> None:
    """Delete a group to which nothing refers; its contacts stay."""
    connection.execute(_SQL["delete_group"], {"church_id": church_id, "group_id": group_id})


def add_members(connection: Connection[Any], *, church_id: UUID, group_id: UUID, contact_ids: Sequence[UUID]) -> int:
    """Returns how many of the church's contacts were not in the group before."""
    return _count_members(connection, _SQL["add_members"], church_id, group_id, contact_ids)


def remove_members(connection: Connection[Any], *, church_id: UUID, group_id: UUID, contact_ids: Sequence[UUID]) -> int:
    """Returns how many of the contacts were in the group."""
    return _count_members(connection, _SQL["remove_members"], church_id, group_id, contact_ids)


def _count_members(
    connection: Connection[Any], query: LiteralString, church_id: UUID, group_id: UUID, contact_ids: Sequence[UUID]
) -> int:
    names = {"church_id": church_id, "group_id": group_id, "contact_ids": list(contact_ids)}
    row = connection.execute(query, names).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return row[0]


def of_contact(connection: Connection[Any], *, church_id: UUID, contact_id: UUID) -> list[Group]:
    """Returns the groups that list the contact; not the smart groups to which it belongs."""
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        cursor.execute(_SQL["list_groups_of_contact"], {"church_id": church_id, "contact_id": contact_id})
        return cursor.fetchall()


def of_targets(connection: Connection[Any], message_ids: Sequence[UUID]) -> list[TargetGroup]:
    """Returns the groups to which the targets of these messages refer, excluded ones too."""
    with connection.cursor(row_factory=class_row(TargetGroup)) as cursor:
        return cursor.execute(_SQL["list_target_groups"], {"message_ids": list(message_ids)}).fetchall()


def _one(connection: Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> Group | None:
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(query, parameters).fetchone()


def _json(condition: Mapping[str, Any] | None) -> Jsonb | None:
    return None if condition is None else Jsonb(dict(condition))
