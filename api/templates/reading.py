"""GET /api/templates and /api/templates/{id}."""

from __future__ import annotations

from uuid import UUID

from api import problems, query_parameters
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.query_parameters import PageQuery
from api.services import services
from api.templates.responses import TemplatePage, TemplateView, template_view
from store import templates
from store.api_keys import KeyHolder
from store.database import church_scope


@endpoint(
    "GET /api/templates",
    tag="Templates",
    summary="List templates",
    authentication=with_key("messages:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=TemplatePage),),
)
def list_templates(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the church's templates, oldest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = templates.page(connection, church_id=caller.church_id, after=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    page = TemplatePage(
        items=[template_view(template) for template in shown],
        next=query_parameters.write_cursor(shown[-1].template_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


@endpoint(
    "GET /api/templates/<uuid:template_id>",
    tag="Templates",
    summary="Show a template",
    authentication=with_key("messages:read"),
    responses=(ResponseSpec(status=200, description="The template.", content=TemplateView),),
    problems=(problems.NOT_FOUND,),
)
def get_template(*, caller: KeyHolder, template_id: UUID) -> ApiResponse:
    """Shows the template and the merge fields that it needs."""
    with church_scope(services().database, caller.church_id) as connection:
        template = templates.get(connection, church_id=caller.church_id, template_id=template_id)
    if template is None:
        raise RequestRefused(problems.NOT_FOUND, "There is no such template.")
    return ApiResponse(status=200, content=template_view(template))
