"""The fields of single channels, such as the subject of a mail. Each channel declares and checks its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from api import unknown_fields
from api.base_models import field_error
from channels.registry import CHANNELS

_Model = TypeVar("_Model", bound=BaseModel)
_PARTS = re.compile(r"[^\[\]]+")


def add_to_schema(schema: dict[str, Any]) -> None:
    """Add the fields of every channel as properties, and allow no others. The descriptions say which are required."""
    _add(schema, note_required=True)


def add_optional_to_schema(schema: dict[str, Any]) -> None:
    """Do the same for an edit, which requires none of the fields."""
    _add(schema, note_required=False)


def _add(schema: dict[str, Any], *, note_required: bool) -> None:
    for channel in CHANNELS.values():
        required = channel.check_details({}).keys() if note_required else ()
        for name, field in channel.detail_schemas.items():
            only = f"Only for {channel.name}, which requires it." if name in required else f"Only for {channel.name}."
            description = f"{field['description']} {only}"
            schema["properties"][name] = {**field, "description": description}
    schema["additionalProperties"] = False


def channel_field_errors(channel_name: object, details: Mapping[str, Any]) -> Iterable[InitErrorDetails]:
    """Yield the errors of the fields that are not common to all channels: unknown, of another channel, or invalid."""
    channel = CHANNELS.get(channel_name) if isinstance(channel_name, str) else None
    yield from unknown_field_errors(details)
    if channel is None:
        return
    for name in _known_names().intersection(details):
        owners = [owner.name for owner in CHANNELS.values() if name in owner.detail_schemas]
        if channel.name not in owners:
            yield _line_error(name, field_error(f"is only allowed when channel is {' or '.join(owners)}"))
    own = {name: value for name, value in details.items() if name in channel.detail_schemas}
    for name, message in channel.check_details(own).items():
        yield _line_error(name, field_error(message))


def errors_in_present_fields(channel_name: object, details: Mapping[str, Any]) -> Iterable[InitErrorDetails]:
    """Yield the errors of the fields that are there; no field is required. Without a channel, none is allowed."""
    channel = CHANNELS.get(channel_name) if isinstance(channel_name, str) else None
    missing = _known_names().difference(details)
    yield from (
        error for error in channel_field_errors(channel_name, details) if not missing.intersection(error.get("loc", ()))
    )
    if channel is None and channel_name is None:
        for name in _known_names().intersection(details):
            yield _line_error(name, field_error("is only allowed with the channel that has it"))


def unknown_field_errors(details: Mapping[str, Any]) -> Iterable[InitErrorDetails]:
    """Yield an error for each field that no channel has: the first hundred by name, then the number of others."""
    known = _known_names()
    yield from unknown_fields.unknown_field_errors([name for name in details if name not in known])


def validate_with_details(
    model: type[BaseModel],
    data: Any,
    validate: ModelWrapValidatorHandler[_Model],
    detail_errors: Callable[[dict[str, Any], dict[str, Any]], Iterable[InitErrorDetails]],
) -> _Model:
    """Return the validated body. Raises ValidationError with the errors of the common and of the other fields together.

    `detail_errors` gets the whole body, and those of its fields that are not the model's.
    """
    validated, errors = None, list[InitErrorDetails]()
    try:
        validated = validate(data)
    except ValidationError as error:
        errors += as_line_errors(error)
    if isinstance(data, dict):
        body = cast("dict[str, Any]", data)
        common = {field.alias for field in model.model_fields.values()}
        errors += detail_errors(body, {name: value for name, value in body.items() if name not in common})
    if validated is None or errors:
        raise ValidationError.from_exception_data(model.__name__, errors)
    return validated


def as_line_errors(error: ValidationError) -> Iterable[InitErrorDetails]:
    """Convert pydantic's errors so that they can be raised again together with others."""
    for details in error.errors(include_url=False, include_input=False):
        # pyright wants a literal message; this one is the message of an existing error.
        same_error = PydanticCustomError(details["type"], details["msg"], details.get("ctx"))  # pyright: ignore
        yield InitErrorDetails(type=same_error, loc=details["loc"], input=None)


def _known_names() -> frozenset[str]:
    """Return the names of the fields of all channels."""
    return frozenset(name for channel in CHANNELS.values() for name in channel.detail_schemas)


def _line_error(name: str, error: PydanticCustomError) -> InitErrorDetails:
    """Return the error with its location. `mediaUrls[2]` is the third item of the field mediaUrls."""
    parts = _PARTS.findall(name)
    return InitErrorDetails(
        type=error, loc=tuple(int(part) if part.isdecimal() else part for part in parts), input=None
    )
