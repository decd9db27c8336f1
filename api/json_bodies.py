"""Reads the JSON body of a request into its model."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from api import problems
from api.field_errors import invalid
from api.problems import RequestRefused

MAX_BYTES = 8_000_000
"""Enough for 10,000 contacts, and small enough to be parsed quickly."""

Body = TypeVar("Body", bound=BaseModel)


def read(model: type[Body]) -> Body:
    """Read the request's body into the model.

    Raises RequestRefused (400, 415, 422) and werkzeug's RequestEntityTooLarge. Where every field is optional, an absent
    body counts as an empty object.
    """
    is_absent = may_be_absent(model) and not request.get_data(cache=True)
    if not is_absent and request.mimetype != "application/json":
        raise RequestRefused(problems.WRONG_MEDIA_TYPE, "The body must be sent as application/json.")
    try:
        if is_absent:
            return model()
        return model.model_validate_json(request.get_data(cache=False))
    except ValidationError as error:
        if _is_not_json(error):
            raise RequestRefused(problems.MALFORMED, "The body is not JSON in UTF-8.") from None
        raise invalid(error, "Some fields of the body have errors.") from None


def may_be_absent(model: type[BaseModel]) -> bool:
    """Return whether a request may omit the body, which is so if no field is required."""
    return not any(field.is_required() for field in model.model_fields.values())


def _is_not_json(error: ValidationError) -> bool:
    if error.error_count() > 1:  # a body that cannot be parsed is reported as a single error
        return False
    return error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
