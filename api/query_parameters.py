"""Reads the query parameters of a request into a model, and encodes the cursors of pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

from flask import request
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema

from api import problems
from api.base_models import RequestModel, field_error
from api.field_errors import invalid
from api.problems import FieldError, RequestRefused

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Query = TypeVar("Query", bound=BaseModel)
Value = TypeVar("Value", bound=str)


def read(model: type[Query]) -> Query:
    """Read the request's query string into the model. Raises RequestRefused (422).

    A list may be repeated (`status=sent&status=failed`), separated by commas (`status=sent,failed`), or both.
    """
    parameters = dict(request.args.lists())
    lists = _list_parameters(model)
    repeated = [name for name, values in parameters.items() if len(values) > 1 and name not in lists]
    if repeated:
        errors = [FieldError(field=name, message="must be given only once") for name in repeated]
        raise RequestRefused(problems.INVALID, "Some query parameters have errors.", errors=errors)
    try:
        return model.model_validate({name: ",".join(values) for name, values in parameters.items()})
    except ValidationError as error:
        raise invalid(error, "Some query parameters have errors.") from None


@cache
def _list_parameters(model: type[BaseModel]) -> frozenset[str]:
    fields: dict[str, Any] = model.model_json_schema()["properties"]
    return frozenset(name for name, schema in fields.items() if schema.get("type") == "array")


def list_values(text: Any, allowed: Sequence[Value]) -> list[Value]:
    """Return the values of a list parameter, each once, in the order of `allowed`. For a validator."""
    values = str(text).split(",")
    if not set(values) <= set(allowed):
        raise field_error(f"must be one or more of {', '.join(allowed)}, separated by commas")
    return [value for value in allowed if value in values]


def write_cursor(last: UUID) -> str:
    """Return the cursor of the page after the row `last`. Callers must not depend on its form."""
    return base64.urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _read_cursor(text: Any) -> UUID:
    try:
        last = UUID(bytes=base64.b64decode(f"{text}==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise field_error("is not valid: use the `next` of an earlier response") from None
    if write_cursor(last) != text:
        raise field_error("is not valid: use the `next` of an earlier response")
    return last


def _read_limit(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}", text):
        raise field_error("must be a whole number")
    return int(text)


class PageQuery(RequestModel):
    """The query parameters of a page of a list."""

    limit: Annotated[
        int,
        BeforeValidator(_read_limit),
        Field(ge=1, le=MAX_LIMIT, description="The most items on the page."),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
    ] = DEFAULT_LIMIT
    cursor: Annotated[
        UUID | None,
        BeforeValidator(_read_cursor),
        WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$"}),
        Field(description="The `next` of the previous page. Omit it to get the first page."),
    ] = None
