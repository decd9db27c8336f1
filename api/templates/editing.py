"""PATCH and DELETE /api/templates/{id}."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Self
from uuid import UUID

from psycopg import Connection
from pydantic import ConfigDict, Field, ValidationError, model_validator

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.field_errors import invalid
from api.messages import channel_fields
from api.messages.draft_edit import describe_without_defaults
from api.problems import RequestRefused
from api.services import services
from api.templates.changes import name_taken, record_change, refuse_unknown_fields
from api.templates.definition import NewTemplate
from api.templates.responses import TemplateView, template_view
from store import templates
from store.api_keys import KeyHolder
from store.database import church_scope
from store.templates import NameTaken, Template


def _describe(schema: dict[str, Any]) -> None:
    channel_fields.add_optional_to_schema(schema)
    describe_without_defaults(schema)


class TemplateEdit(RequestModel):
    """The fields of a template to change, including those of its channel. Absent fields stay as they are."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe)

    name: str = Field(default="", description="The new name.")
    channel: str | None = Field(
        default=None, description="The new channel; null for any. The fields of another channel are dropped."
    )
    content: str = Field(default="", description="The new text, within the limits of a new template.")

    @model_validator(mode="after")
    def _check_edit(self) -> Self:
        """Refuse unknown fields. The edited template is checked like a new one."""
        if errors := list(channel_fields.unknown_field_errors(self.model_extra or {})):
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self

    def applied_to(self, template: Template) -> NewTemplate:
        """Return the edited template. Raises RequestRefused (422)."""
        changes = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        keeps_details = "channel" not in changes or changes["channel"] == template.channel
        body = {
            "name": template.name,
            "channel": template.channel,
            "content": template.content,
            **(template.details if keeps_details else {}),
            **changes,
        }
        try:
            return NewTemplate.model_validate_json(json.dumps(body))
        except ValidationError as error:
            raise invalid(error, "Some fields of the body have errors.") from None


@endpoint(
    "PATCH /api/templates/<uuid:template_id>",
    tag="Templates",
    summary="Change a template",
    authentication=with_key("messages:write"),
    body=TemplateEdit,
    example={"name": "Every Sunday"},
    responses=(ResponseSpec(status=200, description="The changed template.", content=TemplateView),),
    problems=(problems.NOT_FOUND, problems.ALREADY_EXISTS),
)
def change_template(*, caller: KeyHolder, template_id: UUID, body: TemplateEdit) -> ApiResponse:
    """Changes the name or the text. Messages that were accepted and schedules that exist have copied the text: they do
    not change."""
    with _locked_template(caller, template_id) as (connection, template):
        if body.model_fields_set or body.model_extra:
            edited = body.applied_to(template)
            refuse_unknown_fields(connection, caller, edited.definition)
            try:
                template = templates.change(
                    connection, edited.definition, church_id=caller.church_id, template_id=template_id
                )
            except NameTaken:
                raise name_taken(edited.name) from None
            fields = sorted(body.model_dump(by_alias=True, exclude_unset=True))
            record_change(connection, caller, "template.changed", template_id, fields=fields)
    return ApiResponse(status=200, content=template_view(template))


@endpoint(
    "DELETE /api/templates/<uuid:template_id>",
    tag="Templates",
    summary="Delete a template",
    authentication=with_key("messages:write"),
    responses=(ResponseSpec(status=204, description="The template is deleted."),),
    problems=(problems.NOT_FOUND,),
)
def delete_template(*, caller: KeyHolder, template_id: UUID) -> ApiResponse:
    """Deletes the template. Messages and schedules that were made with it stay as they are."""
    with _locked_template(caller, template_id) as (connection, _):
        templates.delete(connection, church_id=caller.church_id, template_id=template_id)
        record_change(connection, caller, "template.deleted", template_id)
    return ApiResponse(status=204)


@contextmanager
def _locked_template(caller: KeyHolder, template_id: UUID) -> Generator[tuple[Connection[Any], Template]]:
    """Yield the template, locked. Raises RequestRefused (404)."""
    with church_scope(services().database, caller.church_id) as connection:
        template = templates.lock(connection, church_id=caller.church_id, template_id=template_id)
        if template is None:
            raise RequestRefused(problems.NOT_FOUND, "There is no such template.")
        yield connection, template
