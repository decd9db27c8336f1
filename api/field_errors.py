"""Converts pydantic's errors to field errors in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from api import problems
from api.problems import FieldError, RequestRefused
from api.unknown_fields import MAX_FIELD_ERRORS, SUMMARY

_MESSAGES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a known field",
    "string_type": lambda _: "must be a string",
    "list_type": lambda _: "must be a list",
    "model_type": lambda _: "must be an object",
    "dict_type": lambda _: "must be an object",
    "int_type": lambda _: "must be a whole number",
    "uuid_type": lambda _: "must be a UUID",
    "uuid_parsing": lambda _: "must be a UUID",
    "literal_error": lambda context: f"must be one of {context['expected']}",
    "string_too_short": lambda context: f"must have at least {_many(context['min_length'], 'character')}",
    "string_too_long": lambda context: f"must have at most {_many(context['max_length'], 'character')}",
    "too_short": lambda context: f"must have at least {_many(context['min_length'], 'item')}",
    "too_long": lambda context: f"must have at most {_many(context['max_length'], 'item')}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "invalid_value": lambda context: context["message"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldErrors:
    """The first field errors and the number of others."""

    listed: list[FieldError]
    more: int


def field_errors(error: ValidationError, *, within: str = "", at_most: int = MAX_FIELD_ERRORS) -> FieldErrors:
    """Return a field error for each of pydantic's errors, in the order of the fields.

    The errors never contain the value, which may be a phone number. `within` is the path of the validated object, such
    as `contacts[3]`; it is empty for a whole body.
    """
    found = error.errors(include_url=False, include_input=False)
    single = [each for each in found if each["type"] != SUMMARY]
    summarized = sum(each.get("ctx", {})["count"] for each in found if each["type"] == SUMMARY)
    listed = [
        FieldError(field=_path(within, each["loc"], known=each["type"] != "extra_forbidden"), message=_message(each))
        for each in single[:at_most]
    ]
    return FieldErrors(listed=listed, more=len(single) - len(listed) + summarized)


def invalid(error: ValidationError, detail: str) -> RequestRefused:
    """Return the exception (422) that lists pydantic's errors."""
    found = field_errors(error)
    return RequestRefused(problems.INVALID, detail, errors=found.listed, more_errors=found.more)


def _message(found: Mapping[str, Any]) -> str:
    message = _MESSAGES.get(found["type"])
    return message(found.get("ctx", {})) if message else found["msg"]


def _path(path: str, location: tuple[int | str, ...], *, known: bool) -> str:
    """Return a path such as `contacts[3].name`, or `body` for the whole body.

    pydantic reports an absent field by its Python name, so the names of known fields are converted to camelCase.
    """
    for part in location:
        if part == "[key]":  # the name of the part before it is wrong, not its value
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{to_camel(part) if known and '_' in part else part}"
    return path.removeprefix(".") or "body"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
