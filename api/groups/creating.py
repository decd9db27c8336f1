"""POST /api/groups."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.conditions import CONDITION_DESCRIPTION, GroupCondition, check_evaluable
from api.groups.locked_group import name_taken, record_change
from api.groups.responses import GroupView, counted_view
from api.problems import RequestRefused
from api.services import services
from store import groups
from store.api_keys import KeyHolder
from store.database import church_scope
from store.groups import NameTaken, TooManyGroups

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
            group, is_new = groups.create(
                connection, church_id=caller.church_id, name=body.name, condition=body.condition, limit=MAX_GROUPS
            )
        except NameTaken as error:
            raise name_taken(error) from None
        except TooManyGroups:
            raise RequestRefused(
                problems.TOO_MANY_GROUPS,
                f"A church may have {MAX_GROUPS:,} groups. Delete one that is no longer needed.",
            ) from None
        if is_new:
            record_change(connection, caller, "group.created", group.group_id)
        view = counted_view(connection, caller, group)
    return ApiResponse(status=201 if is_new else 200, content=view)
