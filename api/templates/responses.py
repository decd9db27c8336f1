"""The response models of templates."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from api.templates.definition import fields_of
from store.templates import Template


class TemplateField(ResponseModel):
    """A merge field of a template."""

    name: str
    default: str = Field(description="What a recipient without a value gets; empty if nothing.")


class TemplateView(ResponseModel):
    """A text that the church keeps."""

    id: UUID
    name: str
    channel: str | None = Field(description="The channel that it is for; null: any.")
    content: str
    details: dict[str, Any] = Field(description="The channel's own fields, such as the `subject` of an e-mail.")
    fields: list[TemplateField] = Field(description="The merge fields in its texts, each with its default.")
    created_at: Timestamp
    updated_at: Timestamp | None = Field(description="When it was last changed; null if it was not.")


class TemplatePage(ResponseModel):
    """Templates, oldest first."""

    items: list[TemplateView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


def template_view(template: Template) -> TemplateView:
    return TemplateView(
        id=template.template_id,
        name=template.name,
        channel=template.channel,
        content=template.content,
        details=dict(template.details),
        fields=[TemplateField(name=field.name, default=field.default) for field in fields_of(template)],
        created_at=template.created_at,
        updated_at=template.updated_at,
    )
