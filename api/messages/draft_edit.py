"""Edits: a changed message or schedule must keep every rule that a new one keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails

from api.base_models import RequestModel, field_error
from api.field_errors import invalid
from api.messages import channel_fields
from api.messages.composition import MAX_RECIPIENTS, Draft, Urgency

AnyDraft = TypeVar("AnyDraft", bound=Draft)

_LISTS = ("contact_ids", "phone_numbers", "email_addresses")


def describe_without_defaults(schema: dict[str, Any]) -> None:
    """Remove the defaults from the schema of an edit.

    A generated client sends defaults along. In an edit, a field that its caller did not set must stay unset.
    """
    for field in schema["properties"].values():
        field.pop("default", None)


def _describe(schema: dict[str, Any]) -> None:
    channel_fields.add_to_schema(schema)
    describe_without_defaults(schema)


class DraftEdit(RequestModel):
    """The fields to change, including the fields of single channels. Fields that are absent stay as they are.

    The defaults are never used: only fields that were set count.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe)

    content: str = Field(default="")
    target_type: Literal["all", "contacts", "numbers", "addresses"] = Field(
        default="all",
        description=(
            "The target, as in a new one. It changes as a whole: send a list together with its "
            '`targetType`, and a `targetType` other than "all" together with its list.'
        ),
    )
    contact_ids: Annotated[list[UUID], Field(max_length=MAX_RECIPIENTS)] | None = None
    phone_numbers: Annotated[list[str], Field(max_length=MAX_RECIPIENTS)] | None = None
    email_addresses: Annotated[list[str], Field(max_length=MAX_RECIPIENTS)] | None = None
    urgent: Urgency | None = None

    @model_validator(mode="after")
    def _changes_can_be_meant(self) -> Self:
        """Refuse unknown fields and an incomplete target. The other rules are checked on the merged whole."""
        errors = list(channel_fields.unknown(self.model_extra or {}))
        listed = [to_camel(name) for name in _LISTS if getattr(self, name) is not None]
        if listed and "target_type" not in self.model_fields_set:
            message = f"is required with {listed[0]}: the target changes as a whole"
            errors.append(InitErrorDetails(type=field_error(message), loc=("targetType",), input=None))
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self

    def applied_to(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request body with the changed fields. A new target replaces the old one as a whole."""
        given = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        no_lists = dict[str, Any].fromkeys(map(to_camel, _LISTS))
        if "target_type" in self.model_fields_set:
            return {**body, **no_lists, **given}
        return {**body, **{name: value for name, value in given.items() if name not in no_lists}}


def apply_edit(model: type[AnyDraft], current: Mapping[str, Any], changes: DraftEdit) -> AnyDraft:
    """Return the current one with the changes applied. Raises RequestRefused (422).

    `current` is a request body that would have created it.
    """
    try:
        return model.model_validate_json(json.dumps(changes.applied_to(current)))
    except ValidationError as error:
        raise invalid(error, "Some fields of the body are wrong.") from None
