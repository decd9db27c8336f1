"""Converts pydantic's errors to field errors in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from api import problems
from api.problems import FieldError, RequestRefused
from api.unknown_fields import MAX_FIELD_ERRORS, UNLISTED

_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "extra_forbidden": lambda _: "is not a known field",
    "string_type": lambda _: "must be a string",
    "list_type": lambda _: "must be a list",
    "model_type": lambda _: "must be an object",
    "int_type": lambda _: "must be a whole number",
    "uuid_type": lambda _: "must be a UUID",
    "uuid_parsing": lambda _: "must be a UUID",
    "literal_error": lambda about: f"must be one of {about['expected']}",
    "string_too_short": lambda about: f"must have at least {_many(about['min_length'], 'character')}",
    "string_too_long": lambda about: f"must have at most {_many(about['max_length'], 'character')}",
    "too_short": lambda about: f"must have at least {_many(about['min_length'], 'item')}",
    "too_long": lambda about: f"must have at most {_many(about['max_length'], 'item')}",
    "greater_than_equal": lambda about: f"must be at least {about['ge']}",
    "less_than_equal": lambda about: f"must be at most {about['le']}",
    "invalid_value": lambda about: about["message"],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldErrors:
    """The first field errors and the number of others."""

    listed: list[FieldError]
    more: int


def field_errors(error: ValidationError, *, within: str = "", at_most: int = MAX_FIELD_ERRORS) -> FieldErrors:
    """Return a field error for each of pydantic's errors, in the order of the fields.

    The errors never contain the value, which may be a phone number. `within` is the place of the validated object, such
    as `contacts[3]`; empty for a whole body.
    """
    found = error.errors(include_url=False, include_input=False)
    single = [each for each in found if each["type"] != UNLISTED]
    unlisted = sum(each.get("ctx", {})["count"] for each in found if each["type"] == UNLISTED)
    listed = [
        FieldError(field=_path(within, each["loc"], known=each["type"] != "extra_forbidden"), message=_message(each))
        for each in single[:at_most]
    ]
    return FieldErrors(listed=listed, more=len(single) - len(listed) + unlisted)


def invalid(error: ValidationError, detail: str) -> RequestRefused:
    """Return the exception (422) that lists pydantic's errors."""
    found = field_errors(error)
    return RequestRefused(problems.INVALID, detail, errors=found.listed, more_errors=found.more)


def _message(found: Mapping[str, Any]) -> str:
    words = _WORDS.get(found["type"])
    return words(found.get("ctx", {})) if words else found["msg"]


def _path(path: str, location: tuple[int | str, ...], *, known: bool) -> str:
    """Return a path such as `contacts[3].name`; `body` for the whole body. Absent fields have their Python names."""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{to_camel(part) if known else part}"
    return path.removeprefix(".") or "body"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
