"""POST /api/groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from psycopg import Connection
from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.conditions import CONDITION_DESCRIPTION, GroupCondition, check_evaluable
from api.groups.locked_group import name_taken
from api.groups.responses import GroupView, counted_view
from api.problems import RequestRefused
from api.services import services
from store import audit, groups
from store.api_keys import KeyHolder
from store.audit import Actor
from store.database import church_scope
from store.groups import Group, NameTaken, TooManyGroups

MAX_GROUPS = 500
"""The most groups of a church."""

GroupName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]


class NewGroup(RequestModel):
    """A group to create."""

    name: GroupName = Field(description="Its name, which no other group of the church has in any case of letters.")
    condition: GroupCondition | None = Field(
        default=None, description=CONDITION_DESCRIPTION + " Without a condition, contacts are added and removed."
    )


@endpoint(
    "POST /api/groups",
    tag="Groups",
    summary="Create a group",
    authentication=with_key("contacts:write"),
    body=NewGroup,
    example={"name": "North", "condition": {"field": "campus", "equals": "North"}},
    responses=(
        ResponseSpec(status=201, description="The group is created.", content=GroupView),
        ResponseSpec(status=200, description="The church has this group already.", content=GroupView),
    ),
    problems=(problems.ALREADY_EXISTS, problems.TOO_MANY_GROUPS),
)
def create_group(*, caller: KeyHolder, body: NewGroup) -> ApiResponse:
    """Creates a group, at first without members, or a smart group, whose members follow from a condition. Repeating
    the request has no effect."""
    with church_scope(services().database, caller.church_id) as connection:
        groups.lock_definitions(connection, caller.church_id)
        check_evaluable(connection, caller, body.condition)
        try:
            group, is_new = make_group(
                connection, church_id=caller.church_id, actor=caller.actor, name=body.name, condition=body.condition
            )
        except NameTaken as error:
            raise name_taken(error) from None
        view = counted_view(connection, caller, group)
    return ApiResponse(status=201 if is_new else 200, content=view)


def make_group(
    connection: Connection[Any], *, church_id: UUID, actor: Actor, name: str, condition: Mapping[str, Any] | None
) -> tuple[Group, bool]:
    """Return the group and whether it is new: False if the church has this group already.

    Call groups.lock_definitions() first. Raises NameTaken if a different group has the name, and RequestRefused (409).
    """
    try:
        group, is_new = groups.create(connection, church_id=church_id, name=name, condition=condition, limit=MAX_GROUPS)
    except TooManyGroups:
        detail = f"A church may have {MAX_GROUPS:,} groups. Delete one that is no longer needed."
        raise RequestRefused(problems.TOO_MANY_GROUPS, detail) from None
    if is_new:
        audit.record(connection, actor=actor, action="group.created", subject=str(group.group_id), church_id=church_id)
    return group, is_new
