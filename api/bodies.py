"""Reads bodies: JSON as a model, and others in pieces of bounded size."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api import problems
from api.complaints import complaints
from api.problems import Refusal

MAX_BYTES = 8_000_000
"""Room for 10,000 contacts, and for nothing that would keep a process busy for long."""

Body = TypeVar("Body", bound=BaseModel)


def read(model: type[Body]) -> Body:
    """The present request's body as the model. Raises Refusal (400, 415, 422), werkzeug's RequestEntityTooLarge."""
    if request.mimetype != "application/json":
        raise Refusal(problems.WRONG_MEDIA_TYPE, "The body must be sent as application/json.")
    try:
        return model.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise Refusal(problems.MALFORMED, "The body is not JSON in UTF-8.") from None
        raise Refusal(problems.INVALID, "Some fields of the body are wrong.", errors=complaints(error)) from None


def refuse_larger(limit: int, detail: str) -> None:
    """Raises Refusal (413) when the present request announces a larger body, before anything of it is read."""
    if (request.content_length or 0) > limit:
        raise Refusal(problems.TOO_LARGE, detail)


def read_bytes(count: int) -> bytes:
    """The next bytes of the present request's body: `count` of them, or all that are left."""
    pieces: list[bytes] = []
    while count > 0 and (piece := request.stream.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def read_at_most(limit: int, detail: str) -> bytes:
    """The present request's whole body. Raises Refusal (413) when it is larger, also when it did not announce so."""
    refuse_larger(limit, detail)
    body = read_bytes(limit + 1)
    if len(body) > limit:
        raise Refusal(problems.TOO_LARGE, detail)
    return body
