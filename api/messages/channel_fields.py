"""The fields that only some channels have, such as the subject of a mail. Each channel declares and checks its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from api import unknown_fields
from api.base_models import field_error
from channels.registry import CHANNELS

_PARTS = re.compile(r"[^\[\]]+")


def add_to_schema(schema: dict[str, Any]) -> None:
    """Add the fields of every channel as optional properties, and allow no others."""
    for channel in CHANNELS.values():
        for name, field in channel.detail_schemas.items():
            description = f"{field['description']} Only for {channel.name}."
            schema["properties"][name] = {**field, "description": description}
    schema["additionalProperties"] = False


def findings(channel_name: object, details: Mapping[str, Any]) -> Iterable[InitErrorDetails]:
    """Yield the errors of the fields that are not common to all channels."""
    channel = CHANNELS.get(channel_name) if isinstance(channel_name, str) else None
    yield from unknown(details)
    for name in _known_names().intersection(details) if channel is not None else ():
        owners = [owner.name for owner in CHANNELS.values() if name in owner.detail_schemas]
        if channel is not None and channel.name not in owners:
            yield _finding(name, field_error(f"is only allowed when channel is {' or '.join(owners)}"))
    if channel is not None:
        own = {name: value for name, value in details.items() if name in channel.detail_schemas}
        for name, complaint in channel.check_details(own).items():
            yield _finding(name, field_error(complaint))


def unknown(details: Mapping[str, Any]) -> Iterable[InitErrorDetails]:
    """Yield an error for each field that no channel has: the first hundred by name, then their number."""
    known = _known_names()
    strangers = [name for name in details if name not in known]
    yield from unknown_fields.findings(strangers)


def as_line_errors(error: ValidationError) -> Iterable[InitErrorDetails]:
    """Convert pydantic's errors so that they can be raised again together with others."""
    for found in error.errors(include_url=False, include_input=False):
        told = PydanticCustomError(found["type"], found["msg"], found.get("ctx"))  # pyright: ignore - told as it was
        yield InitErrorDetails(type=told, loc=found["loc"], input=None)


def _known_names() -> frozenset[str]:
    """The names of all channels' own fields."""
    return frozenset(name for channel in CHANNELS.values() for name in channel.detail_schemas)


def _finding(name: str, error: PydanticCustomError) -> InitErrorDetails:
    """Make an error of a field name; `mediaUrls[2]` is the third item of the field mediaUrls."""
    parts = _PARTS.findall(name)
    return InitErrorDetails(
        type=error, loc=tuple(int(part) if part.isdecimal() else part for part in parts), input=None
    )
