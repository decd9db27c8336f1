"""The request body of a template, with its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from psycopg import Connection
from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from api.base_models import STORABLE, RequestModel, field_error
from api.messages import channel_fields
from api.messages.braces import brace_error, brace_errors
from api.messages.composition import ChannelName
from api.messages.merging import unknown_field_errors
from api.problems import FieldError
from channels.registry import CHANNELS
from messaging.merge_fields import MergeField, MergeText, parse
from store.templates import Template, TemplateDefinition

MAX_CHARACTERS = 100_000
"""The longest content: that of a mail."""

TemplateName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE]


class NewTemplate(RequestModel):
    """A template. The fields of single channels, such as the `subject` of a mail, come in addition and are optional."""

    model_config = ConfigDict(extra="allow", json_schema_extra=channel_fields.add_optional_to_schema)

    name: TemplateName = Field(
        description="Its name, which no other template of the church has in any case of letters."
    )
    channel: ChannelName | None = Field(
        default=None, description="The channel that it is for; without one, its text can be sent on any channel."
    )
    content: Annotated[str, StringConstraints(max_length=MAX_CHARACTERS), STORABLE] = Field(
        description="The text, with merge fields, within the limits of the channel."
    )

    @field_validator("content")
    @classmethod
    def _check_content(cls, content: str, info: ValidationInfo) -> str:
        channel = CHANNELS.get(info.data.get("channel") or "")
        message = channel.check_content(content) if channel else None
        if message is None and channel is None and not content.strip():
            message = "must not be blank"
        if message := message or brace_error(content):
            raise field_error(message)
        return content

    @model_validator(mode="wrap")
    @classmethod
    def _check_details(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Report the errors of the common fields and of the channel's own fields together."""

        def detail_errors(body: dict[str, Any], details: dict[str, Any]) -> list[Any]:
            channel_name = body.get("channel")
            return [
                *channel_fields.errors_in_present_fields(channel_name, details),
                *brace_errors(channel_name, details),
            ]

        return channel_fields.validate_with_details(cls, data, validate, detail_errors)

    @property
    def definition(self) -> TemplateDefinition:
        return TemplateDefinition(
            name=self.name, channel=self.channel, content=self.content, details=dict(self.model_extra or {})
        )


def merge_field_errors(
    connection: Connection[Any], church_id: UUID, definition: TemplateDefinition
) -> list[FieldError]:
    """Return an error for each text with a merge field that contacts of the church do not have."""
    return unknown_field_errors(connection, church_id, texts_of(definition))


def fields_of(template: Template) -> list[MergeField]:
    """Return the merge fields of a template, each once."""
    placed = [placed for text in texts_of(template).values() for placed in text.placed_fields]
    by_use = {(each.field.name, each.field.default): each.field for each in placed}
    return list(by_use.values())


def texts_of(definition: TemplateDefinition) -> Mapping[str, MergeText]:
    """Return the texts that may have merge fields, by their names in JSON."""
    channel = CHANNELS.get(definition.channel or "")
    known: dict[str, Any] = {**definition.details, "content": definition.content}
    names = channel.merge_rules.longest if channel else ("content",)
    return {name: parse(known[name]) for name in names if name in known}
