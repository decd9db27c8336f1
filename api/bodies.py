"""Reads bodies: JSON as a model, and others in pieces of bounded size."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api import problems
from api.field_errors import invalid
from api.problems import RequestRefused

MAX_BYTES = 8_000_000
"""Room for 10,000 contacts, and for nothing that would keep a process busy for long."""

Body = TypeVar("Body", bound=BaseModel)


def read(model: type[Body]) -> Body:
    """The present request's body as the model. Raises RequestRefused (400, 415, 422), werkzeug's RequestEntityTooLarge.

    Where every field is optional, no body at all is as good as an empty object.
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
    """Whether a request may leave the body out: no field of it is required."""
    return not any(field.is_required() for field in model.model_fields.values())


def _is_no_json(error: ValidationError) -> bool:
    if error.error_count() > 1:  # a body that cannot be parsed is one error; to write out many takes long
        return False
    return error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"


def refuse_larger(limit: int, detail: str) -> None:
    """Raises RequestRefused (413) when the present request announces a larger body, before anything of it is read."""
    if (request.content_length or 0) > limit:
        raise RequestRefused(problems.TOO_LARGE, detail)


def read_bytes(count: int) -> bytes:
    """The next bytes of the present request's body: `count` of them, or all that are left."""
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
