"""Finds the group of a request, and locks it for a change."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import RequestRefused
from api.services import services
from store import audit, groups
from store.api_keys import KeyHolder
from store.database import church_scope
from store.groups import Group, NameTaken


def known_group(connection: Connection[Any], caller: KeyHolder, group_id: UUID) -> Group:
    """Return the group. Raises RequestRefused (404)."""
    group = groups.get(connection, church_id=caller.church_id, group_id=group_id)
    if group is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such group.")
    return group


@contextmanager
def locked_group(caller: KeyHolder, group_id: UUID) -> Generator[tuple[Connection[Any], Group]]:
    """Yield the group, with the definitions of the church's groups locked. Raises RequestRefused (404)."""
    with church_scope(services().database, caller.church_id) as connection:
        groups.lock_definitions(connection, caller.church_id)
        group = groups.lock(connection, church_id=caller.church_id, group_id=group_id)
        if group is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such group.")
        yield connection, group


def record_change(connection: Connection[Any], caller: KeyHolder, action: str, group_id: UUID, **details: Any) -> None:
    """Record in the audit that the key changed the group."""
    audit.record(
        connection,
        actor=caller.actor,
        action=action,
        subject=str(group_id),
        church_id=caller.church_id,
        details=details,
    )


def name_taken(error: NameTaken) -> RequestRefused:
    return RequestRefused(problems.ALREADY_EXISTS, f"The group {error.group.group_id} already has this name.")
