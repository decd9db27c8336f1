"""Reads request bodies: JSON into a model, others in pieces of bounded size."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api import problems
from api.field_errors import invalid
from api.problems import RequestRefused

MAX_BYTES = 8_000_000
"""Enough for 10,000 contacts, and little enough to keep a process busy only briefly."""

Body = TypeVar("Body", bound=BaseModel)


def read(model: type[Body]) -> Body:
    """Read the request's body into the model.

    Raises RequestRefused (400, 415, 422) and werkzeug's RequestEntityTooLarge. Where every field is optional, an absent
    body counts as an empty object.
    """
    if may_be_absent(model) and not request.get_data(cache=True):
        return model()
    if request.mimetype != "application/json":
        raise RequestRefused(problems.WRONG_MEDIA_TYPE, "The body must be sent as application/json.")
    try:
        return model.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        if _is_no_json(error):
            raise RequestRefused(problems.MALFORMED, "The body is not JSON in UTF-8.") from None
        raise invalid(error, "Some fields of the body are wrong.") from None


def may_be_absent(model: type[BaseModel]) -> bool:
    """Return whether a request may omit the body, which is so if no field is required."""
    return not any(field.is_required() for field in model.model_fields.values())


def _is_no_json(error: ValidationError) -> bool:
    if error.error_count() > 1:  # a body that cannot be parsed is a single error
        return False
    return error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"


def refuse_larger(limit: int, detail: str) -> None:
    """Raise RequestRefused (413) when the request announces a larger body, before any of it is read."""
    if (request.content_length or 0) > limit:
        raise RequestRefused(problems.TOO_LARGE, detail)


def read_bytes(count: int) -> bytes:
    """Return the next `count` bytes of the request's body, or all that are left."""
    pieces: list[bytes] = []
    while count > 0 and (piece := request.stream.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def read_at_most(limit: int, detail: str) -> bytes:
    """Return the whole body. Raises RequestRefused (413) when it is larger, whatever Content-Length announced."""
    refuse_larger(limit, detail)
    body = read_bytes(limit + 1)
    if len(body) > limit:
        raise RequestRefused(problems.TOO_LARGE, detail)
    return body
