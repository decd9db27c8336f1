"""Changing what was composed: the old and the new together must keep every rule that a new one keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError, model_validator

from api.complaints import invalid
from api.messages import channel_fields
from api.messages.composition import Draft, Urgency
from api.shapes import Given

AnyDraft = TypeVar("AnyDraft", bound=Draft)

_LISTS = ("contactIds", "phoneNumbers", "emailAddresses")


class Revision(Given):
    """What is to be different. What is left out stays as it is. Channels' own fields are among those that can be."""

    model_config = ConfigDict(extra="allow", json_schema_extra=channel_fields.add_to_schema)

    content: str = Field(default="")
    target_type: Literal["all", "contacts", "numbers", "addresses"] = Field(
        default="all", description="With it, lists that are not given anew are dropped."
    )
    contact_ids: list[UUID] | None = None
    phone_numbers: list[str] | None = None
    email_addresses: list[str] | None = None
    urgent: Urgency | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        """The rest is found out once the old and the new are together."""
        if unknown := list(channel_fields.unknown(self.model_extra or {})):
            raise ValidationError.from_exception_data(type(self).__name__, unknown)
        return self


def revised(model: type[AnyDraft], stands: Mapping[str, Any], changes: Revision) -> AnyDraft:
    """What stands, with the fields that were given put in. Raises Refusal (422).

    `stands` is a request body that would have made it.
    """
    given = changes.model_dump(mode="json", by_alias=True, exclude_unset=True)
    dropped = dict.fromkeys(_LISTS) if "targetType" in given else {}
    try:
        return model.model_validate_json(json.dumps({**stands, **dropped, **given}))
    except ValidationError as error:
        raise invalid(error, "Some fields of the body are wrong.") from None
