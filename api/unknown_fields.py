"""Errors about unknown fields, limited in number: a body of 8 MB could have a million of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import InitErrorDetails, PydanticCustomError

MAX_FIELD_ERRORS = 100
"""How many field errors a response lists. The others are counted, so a small request cannot cause a huge response."""

SUMMARY = "unknown_fields_summary"
"""The type of an error that summarizes many; its context contains their `count`."""


def unknown_field_errors(names: Sequence[str]) -> Iterator[InitErrorDetails]:
    """Yield an error for each of the first names, and one that counts the others."""
    for name in names[:MAX_FIELD_ERRORS]:
        error = PydanticCustomError("extra_forbidden", "is not a known field")
        yield InitErrorDetails(type=error, loc=(name,), input=None)
    if (unlisted := len(names) - MAX_FIELD_ERRORS) > 0:
        error = PydanticCustomError(SUMMARY, "{count} more fields are not known", {"count": unlisted})
        yield InitErrorDetails(type=error, loc=(), input=None)
