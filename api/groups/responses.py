"""The response models of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from messaging.group_conditions import parse_condition
from store import groups, smart_groups
from store.api_keys import KeyHolder
from store.groups import Group


class GroupView(ResponseModel):
    """A group of contacts."""

    id: UUID
    name: str
    condition: Mapping[str, Any] | None = Field(
        description="Who belongs to a smart group; null: its members are added and removed one by one."
    )
    member_count: int | None = Field(description="How many contacts it has; null in the list for a smart group.")
    created_at: Timestamp
    updated_at: Timestamp | None = Field(description="When its name or condition was last changed; null if it was not.")


class GroupPage(ResponseModel):
    """Groups, oldest first."""

    items: list[GroupView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


def group_view(group: Group, *, member_count: int | None) -> GroupView:
    return GroupView(
        id=group.group_id,
        name=group.name,
        condition=group.condition,
        member_count=member_count,
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


def counted_view(connection: Connection[Any], caller: KeyHolder, group: Group) -> GroupView:
    """Return the group with how many members it has; a smart group is evaluated."""
    if group.condition is None:
        return group_views(connection, [group])[0]
    condition = parse_condition(group.condition)
    return group_view(
        group, member_count=smart_groups.count(connection, church_id=caller.church_id, condition=condition)
    )


def group_views(connection: Connection[Any], found: Sequence[Group]) -> list[GroupView]:
    """Return the groups with how many members they list; a smart group is not evaluated."""
    counts = groups.count_members(connection, [group.group_id for group in found if group.condition is None])
    return [group_view(group, member_count=counts.get(group.group_id)) for group in found]
