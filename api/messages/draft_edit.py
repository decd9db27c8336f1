"""Edits of messages and schedules. An edited one must pass every check that a new one passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails

from api.base_models import RequestModel, field_error
from api.field_errors import invalid
from api.messages import channel_fields
from api.messages.composition import MAX_GROUPS_LISTED, MAX_RECIPIENTS, Draft, TargetType, Urgency

AnyDraft = TypeVar("AnyDraft", bound=Draft)

_LISTS = ("contact_ids", "phone_numbers", "email_addresses", "group_ids", "exclude_group_ids")


def describe_without_defaults(schema: dict[str, Any]) -> None:
    """Remove the defaults from the schema of an edit.

    Generated clients send fields at their defaults, but in an edit a field that the caller did not set must be absent.
    """
    for field in schema["properties"].values():
        field.pop("default", None)


def _describe(schema: dict[str, Any]) -> None:
    channel_fields.add_optional_to_schema(schema)
    describe_without_defaults(schema)


class DraftEdit(RequestModel):
    """The fields to change, including the fields of single channels. Fields that are absent stay as they are.

    The defaults are never used, because only the fields that were sent are applied.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe)

    template_id: UUID | None = Field(
        default=None,
        description=("The id of a template whose text and fields replace the present ones, instead of `content`."),
    )
    content: str = Field(default="", description="The new text, within the limits of a new message.")
    target_type: TargetType = Field(
        default="all",
        description=(
            "The new target. It replaces the old one as a whole: send a list together with its `targetType`, "
            'and a `targetType` other than "all" together with its list.'
        ),
    )
    contact_ids: Annotated[list[UUID], Field(max_length=MAX_RECIPIENTS)] | None = Field(
        default=None, description='The ids of contacts of this church. Only with targetType "contacts".'
    )
    phone_numbers: Annotated[list[str], Field(max_length=MAX_RECIPIENTS)] | None = Field(
        default=None, description='Phone numbers in any usual form. Only with targetType "numbers".'
    )
    email_addresses: Annotated[list[str], Field(max_length=MAX_RECIPIENTS)] | None = Field(
        default=None, description='E-mail addresses. Only with targetType "addresses".'
    )
    group_ids: Annotated[list[UUID], Field(max_length=MAX_GROUPS_LISTED)] | None = Field(
        default=None, description='The ids of groups of this church. Only with targetType "groups".'
    )
    exclude_group_ids: Annotated[list[UUID], Field(max_length=MAX_GROUPS_LISTED)] | None = Field(
        default=None,
        description='The ids of groups whose members get nothing. Only with targetType "groups" or "all".',
    )
    urgent: Urgency | None = Field(
        default=None, description="Set this to send the message in quiet hours too; null to keep quiet hours."
    )
    shorten_links: bool | None = Field(
        default=None, description="Whether links are replaced by short ones; null for the church's default."
    )

    @model_validator(mode="after")
    def _check_edit(self) -> Self:
        """Refuse unknown fields and an incomplete target. apply_edit() checks everything else."""
        errors = list(channel_fields.unknown_field_errors(self.model_extra or {}))
        listed = [to_camel(name) for name in _LISTS if getattr(self, name) is not None]
        if listed and "target_type" not in self.model_fields_set:
            message = f"is required with {listed[0]}: the target changes as a whole"
            errors.append(InitErrorDetails(type=field_error(message), loc=("targetType",), input=None))
        if self.template_id is not None and "content" in self.model_fields_set:
            message = "is not allowed with templateId"
            errors.append(InitErrorDetails(type=field_error(message), loc=("content",), input=None))
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self

    @property
    def changed_fields(self) -> list[str]:
        """The names of the fields that were sent, as in JSON."""
        return sorted(self.model_dump(by_alias=True, exclude_unset=True))

    def applied_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request body with the changed fields. A new target replaces the old one as a whole."""
        changes = self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"template_id"})
        no_lists = dict[str, Any].fromkeys(map(to_camel, _LISTS))
        if "target_type" in self.model_fields_set:
            return {**body, **no_lists, **changes}
        return {**body, **{name: value for name, value in changes.items() if name not in no_lists}}


def apply_edit(model: type[AnyDraft], current: Mapping[str, Any], edit: DraftEdit) -> AnyDraft:
    """Return the current message or schedule with the edit applied. Raises RequestRefused (422).

    `current` is the request body that would create the current one.
    """
    try:
        return model.model_validate_json(json.dumps(edit.applied_to(current)))
    except ValidationError as error:
        raise invalid(error, "Some fields of the body have errors.") from None
