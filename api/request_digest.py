"""The digest of a request, by which two requests with the same Idempotency-Key are compared."""

from __future__ import annotations

import hashlib
from typing import Any

from api.base_models import RequestModel


def request_digest(body: RequestModel) -> bytes:
    """Return the SHA-256 of the validated body. The order of the common fields and the notation do not matter.

    A field at its default is left out unless its model lists it in `digested_at_default`. So a field that is added
    later, with a default, does not change the digest of a body without it.
    """
    return hashlib.sha256(body.model_dump_json(exclude=_left_out(body)).encode()).digest()


def request_digest_to(body: RequestModel, address: str) -> bytes:
    """Return the digest of a request whose path names the recipient: the same text to another person differs."""
    return hashlib.sha256(request_digest(body) + address.encode()).digest()


def _left_out(body: RequestModel) -> dict[str, Any]:
    """Return the fields to leave out, in the form of pydantic's `exclude`: a nested model has its own mapping."""
    left_out = dict[str, Any]()
    for name, field in type(body).model_fields.items():
        value = getattr(body, name)
        if name not in body.digested_at_default and value == field.get_default(call_default_factory=True):
            left_out[name] = True
        elif isinstance(value, RequestModel) and (inner := _left_out(value)):
            left_out[name] = inner
    return left_out
