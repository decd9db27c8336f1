"""POST /api/groups/preview."""

from __future__ import annotations

from pydantic import Field

from api.authentication import with_key
from api.base_models import RequestModel, ResponseModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.conditions import CONDITION_DESCRIPTION, GroupCondition, check_evaluable
from api.services import services
from messaging.group_conditions import parse_condition
from store import smart_groups
from store.api_keys import KeyHolder
from store.database import church_scope


class GroupPreview(RequestModel):
    """A condition to evaluate."""

    condition: GroupCondition = Field(description=CONDITION_DESCRIPTION)


class PreviewedGroup(ResponseModel):
    """Who meets a condition."""

    member_count: int = Field(description="How many contacts meet the condition now.")


@endpoint(
    "POST /api/groups/preview",
    tag="Groups",
    summary="Count who meets a condition",
    authentication=with_key("contacts:read"),
    body=GroupPreview,
    example={"condition": {"field": "campus", "equals": "North"}},
    responses=(ResponseSpec(status=200, description="The condition was evaluated.", content=PreviewedGroup),),
)
def preview_group(*, caller: KeyHolder, body: GroupPreview) -> ApiResponse:
    """Evaluates the condition of a smart group, and stores nothing."""
    with church_scope(services().database, caller.church_id) as connection:
        check_evaluable(connection, caller, body.condition)
        condition = parse_condition(body.condition)
        counted = smart_groups.count(connection, church_id=caller.church_id, condition=condition)
    return ApiResponse(status=200, content=PreviewedGroup(member_count=counted))
