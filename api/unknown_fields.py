"""Limits the errors about unknown fields: a body of 8 MB could have a million of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic_core import InitErrorDetails, PydanticCustomError

MAX_FIELD_ERRORS = 100
"""How many field errors a response lists. The others are counted, so a small request cannot cause a huge response."""

UNLISTED = "unlisted"
"""The type of an error that stands for many; its context has their `count`."""


def findings(names: Sequence[str]) -> Iterator[InitErrorDetails]:
    """Yield one error for each of the first names, and one for all others together."""
    for name in names[:MAX_FIELD_ERRORS]:
        error = PydanticCustomError("extra_forbidden", "is not a known field")
        yield InitErrorDetails(type=error, loc=(name,), input=None)
    if (unlisted := len(names) - MAX_FIELD_ERRORS) > 0:
        told = PydanticCustomError(UNLISTED, "{count} more are not known fields", {"count": unlisted})
        yield InitErrorDetails(type=told, loc=(), input=None)
