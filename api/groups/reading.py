"""GET /api/groups and /api/groups/{id}."""

from __future__ import annotations

from uuid import UUID

from api import problems, query_parameters
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.locked_group import known_group
from api.groups.responses import GroupPage, GroupView, counted_view, group_views
from api.query_parameters import PageQuery
from api.services import services
from store import groups
from store.api_keys import KeyHolder
from store.database import church_scope


@endpoint(
    "GET /api/groups",
    tag="Groups",
    summary="List groups",
    authentication=with_key("contacts:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=GroupPage),),
)
def list_groups(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the church's groups, oldest first, with how many members each has. Pass `next` as `cursor` to get the
    following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = groups.page(connection, church_id=caller.church_id, after=query.cursor, limit=query.limit + 1)
        shown = found[: query.limit]
        page = GroupPage(
            items=group_views(connection, shown),
            next=query_parameters.write_cursor(shown[-1].group_id) if len(found) > len(shown) else None,
        )
    return ApiResponse(status=200, content=page)


@endpoint(
    "GET /api/groups/<uuid:group_id>",
    tag="Groups",
    summary="Show a group",
    authentication=with_key("contacts:read"),
    responses=(ResponseSpec(status=200, description="The group.", content=GroupView),),
    problems=(problems.NOT_FOUND,),
)
def get_group(*, caller: KeyHolder, group_id: UUID) -> ApiResponse:
    """Shows the group and how many members it has."""
    with church_scope(services().database, caller.church_id) as connection:
        view = counted_view(connection, caller, known_group(connection, caller, group_id))
    return ApiResponse(status=200, content=view)
