"""Checks the braces of merge fields in request bodies, before it is known which fields contacts have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import InitErrorDetails

from api.base_models import field_error
from channels.registry import CHANNELS
from messaging.merge_fields import MergeFieldError, parse


def brace_error(text: str) -> str | None:
    """Return what is wrong with the merge fields of a text by itself. Whether contacts have the fields is not known."""
    try:
        parse(text)
    except MergeFieldError as error:
        return str(error)
    return None


def brace_errors(channel_name: object, details: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    """Yield the errors of merge fields in the channel's own fields."""
    channel = CHANNELS.get(channel_name) if isinstance(channel_name, str) else None
    for name in channel.merge_rules.longest if channel else ():
        text = details.get(name)
        if isinstance(text, str) and (message := brace_error(text)):
            yield InitErrorDetails(type=field_error(message), loc=(name,), input=None)
