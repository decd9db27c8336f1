"""pydantic's findings in words for people, each with the field it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from api.problems import FieldError

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
    "wrong": lambda about: about["message"],
}


def complaints(error: ValidationError, *, within: str = "") -> list[FieldError]:
    """One for each finding, in the order of the fields. Never the value: it may be a phone number.

    `within` is the place of what was validated, such as `contacts[3]`; none for a whole body.
    """
    return [
        FieldError(field=_path(within, found["loc"], known=found["type"] != "extra_forbidden"), message=_message(found))
        for found in error.errors(include_url=False, include_input=False)
    ]


def _message(found: Mapping[str, Any]) -> str:
    words = _WORDS.get(found["type"])
    return words(found.get("ctx", {})) if words else found["msg"]


def _path(path: str, location: tuple[int | str, ...], *, known: bool) -> str:
    """`contacts[3].name`; the body as a whole is `body`. pydantic calls an absent field by its name in Python."""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{to_camel(part) if known else part}"
    return path.removeprefix(".") or "body"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
