"""PATCH and DELETE /api/groups/{id}."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from pydantic import ConfigDict, Field

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.conditions import CONDITION_DESCRIPTION, GroupCondition, refused
from api.groups.creating import GroupName
from api.groups.locked_group import known_group, locked_group, name_taken, record_change
from api.groups.responses import GroupView, counted_view
from api.in_use import in_use
from api.messages.draft_edit import describe_without_defaults
from api.problems import RequestRefused
from store import groups, references, smart_groups
from store.api_keys import KeyHolder
from store.groups import Group, NameTaken
from store.smart_groups import CircularGroups, TooManyParts, UnknownGroup


class GroupEdit(RequestModel):
    """The fields of a group to change. Absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra=describe_without_defaults)

    name: GroupName = Field(default="-", description="The new name.")
    condition: GroupCondition = Field(
        default={"any": []}, description="The new condition. Only of a smart group. " + CONDITION_DESCRIPTION
    )


@endpoint(
    "PATCH /api/groups/<uuid:group_id>",
    tag="Groups",
    summary="Change a group",
    authentication=with_key("contacts:write"),
    body=GroupEdit,
    example={"name": "Youth and students"},
    responses=(ResponseSpec(status=200, description="The changed group.", content=GroupView),),
    problems=(problems.NOT_FOUND, problems.ALREADY_EXISTS, problems.WRONG_STATE),
)
def change_group(*, caller: KeyHolder, group_id: UUID, body: GroupEdit) -> ApiResponse:
    """Changes the name, or the condition of a smart group. Messages and schedules refer to a group by its id, so they
    keep their target; a message that is not being sent yet is for those who meet the new condition."""
    with locked_group(caller, group_id) as (connection, group):
        if body.model_fields_set:
            _change(connection, caller, group, body)
            record_change(connection, caller, "group.changed", group_id, fields=sorted(body.model_fields_set))
        view = counted_view(connection, caller, known_group(connection, caller, group_id))
    return ApiResponse(status=200, content=view)


@endpoint(
    "DELETE /api/groups/<uuid:group_id>",
    tag="Groups",
    summary="Delete a group",
    authentication=with_key("contacts:write"),
    responses=(ResponseSpec(status=204, description="The group is deleted."),),
    problems=(problems.NOT_FOUND, problems.IN_USE),
)
def delete_group(*, caller: KeyHolder, group_id: UUID) -> ApiResponse:
    """Deletes the group; its contacts stay. A group is not deleted while a message that is not being sent yet, a
    schedule or a smart group refers to it: otherwise a message could reach people whom it was to leave out."""
    with locked_group(caller, group_id) as (connection, _):
        found = references.find_of_group(connection, church_id=caller.church_id, group_id=group_id)
        if found:
            raise in_use("group", found)
        groups.delete(connection, church_id=caller.church_id, group_id=group_id)
        record_change(connection, caller, "group.deleted", group_id)
    return ApiResponse(status=204)


def _change(connection: Connection[Any], caller: KeyHolder, group: Group, body: GroupEdit) -> None:
    """Store the group as edited. Raises RequestRefused (409, 422)."""
    sent = body.model_fields_set
    if "condition" in sent and group.condition is None:
        raise RequestRefused(problems.WRONG_STATE, "The group lists its members: only a smart group has a condition.")
    try:
        groups.change(
            connection,
            church_id=caller.church_id,
            group_id=group.group_id,
            name=body.name if "name" in sent else group.name,
            condition=body.condition if "condition" in sent else group.condition,
        )
        smart_groups.load_definitions(connection, caller.church_id).check_all()
    except NameTaken as error:
        raise name_taken(error) from None
    except (UnknownGroup, CircularGroups, TooManyParts) as error:
        raise refused(error) from None
