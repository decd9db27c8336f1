"""The group to which an import adds the people of its file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.groups.creating import make_group
from api.problems import FieldError, RequestRefused
from store import groups
from store.audit import Actor
from store.groups import NameTaken
from store.imports import Import


def with_group_id(connection: Connection[Any], found: Import, group_id: UUID | None) -> Import:
    """Return the import with this group. Raises RequestRefused (422)."""
    if group_id is None:
        return replace(found, group_id=None)
    _check_group(connection, church_id=found.church_id, group_id=group_id)
    return replace(found, group_id=group_id, group_name=None)


def with_group_name(found: Import, name: str | None) -> Import:
    """Return the import with the group of this name, which need not exist yet."""
    return replace(found, group_name=name, group_id=found.group_id if name is None else None)


def group_to_start_with(connection: Connection[Any], found: Import, actor: Actor) -> UUID | None:
    """Return the group of an import that is being started, and create it if it is a new one.

    The caller has locked the church. Raises RequestRefused (409, 422).
    """
    if found.group_name is not None:
        try:
            group, _ = make_group(
                connection, church_id=found.church_id, actor=actor, name=found.group_name, condition=None
            )
        except NameTaken:
            raise _invalid("groupName", "is the name of a smart group: its condition says who belongs to it") from None
        return group.group_id
    if found.group_id is not None:
        _check_group(connection, church_id=found.church_id, group_id=found.group_id)
    return found.group_id


def _check_group(connection: Connection[Any], *, church_id: UUID, group_id: UUID) -> None:
    group = groups.get(connection, church_id=church_id, group_id=group_id)
    if group is None:
        raise _invalid("groupId", "is not a group of this church")
    if group.condition is not None:
        raise _invalid("groupId", "is a smart group: its condition says who belongs to it")


def _invalid(field: str, message: str) -> RequestRefused:
    error = FieldError(field=field, message=message)
    return RequestRefused(problems.INVALID, "Nobody can be added to the group.", errors=[error])
