"""POST /api/templates."""

from __future__ import annotations

from api import problems
from api.authentication import with_key
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.problems import RequestRefused
from api.services import services
from api.templates.changes import name_taken, record_change, refuse_unknown_fields
from api.templates.definition import NewTemplate
from api.templates.responses import TemplateView, template_view
from store import templates
from store.api_keys import KeyHolder
from store.database import church_scope
from store.templates import NameTaken, TooManyTemplates

MAX_TEMPLATES = 500
"""The most templates of a church."""


@endpoint(
    "POST /api/templates",
    tag="Templates",
    summary="Create a template",
    authentication=with_key("messages:write"),
    body=NewTemplate,
    example={"name": "Sunday", "content": "Hi {{firstName|friend}}, see you on Sunday at 10:30!"},
    responses=(
        ResponseSpec(status=201, description="The template is created.", content=TemplateView),
        ResponseSpec(status=200, description="The church has this template already.", content=TemplateView),
    ),
    problems=(problems.ALREADY_EXISTS, problems.TOO_MANY_TEMPLATES),
)
def create_template(*, caller: KeyHolder, body: NewTemplate) -> ApiResponse:
    """Keeps a text, so that messages and schedules can be sent with its id as `templateId`. Repeating the request has
    no effect."""
    with church_scope(services().database, caller.church_id) as connection:
        templates.lock_church(connection, caller.church_id)
        refuse_unknown_fields(connection, caller, body.definition)
        try:
            template, is_new = templates.create(
                connection, body.definition, church_id=caller.church_id, limit=MAX_TEMPLATES
            )
        except NameTaken:
            raise name_taken(body.name) from None
        except TooManyTemplates:
            raise RequestRefused(
                problems.TOO_MANY_TEMPLATES,
                f"A church may have {MAX_TEMPLATES:,} templates. Delete one that is no longer needed.",
            ) from None
        if is_new:
            record_change(connection, caller, "template.created", template.template_id)
    return ApiResponse(status=201 if is_new else 200, content=template_view(template))
