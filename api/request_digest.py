"""The digest of a request: two requests with one Idempotency-Key must ask for the same."""

from __future__ import annotations

import hashlib
from typing import Any

from api.base_models import RequestModel


def request_digest(body: RequestModel) -> bytes:
    """Return the SHA-256 of what is asked, whatever the order of common fields, the spaces or the forms of numbers.

    A field at its default is left out unless its model names it in `digested_at_default`. So a field that is added
    later, with a default, changes no digest of a body without it, and needs no mention here.
    """
    return hashlib.sha256(body.model_dump_json(exclude=_left_out(body)).encode()).digest()


def _left_out(body: RequestModel) -> dict[str, Any]:
    """Return the fields to leave out, as pydantic's `exclude` takes them: nested models have a mapping of their own."""
    left_out = dict[str, Any]()
    for name, field in type(body).model_fields.items():
        value = getattr(body, name)
        if name not in body.digested_at_default and value == field.get_default(call_default_factory=True):
            left_out[name] = True
        elif isinstance(value, RequestModel) and (inner := _left_out(value)):
            left_out[name] = inner
    return left_out
