"""The Idempotency-Key header, with which a caller can repeat a request safely."""

from __future__ import annotations

import re

from flask import g, request

from api import problems
from api.endpoints import Header
from api.problems import FieldError, RequestRefused

_VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")

IDEMPOTENCY_KEY = Header(
    name="Idempotency-Key",
    description=(
        "A key of your choice for what the request creates, such as a UUID. It is created once, however "
        "often the request is repeated with the same key. The same key with a different body is refused "
        "(409)."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
REPLAYED = Header(
    name="Idempotent-Replayed",
    description="`true` when an earlier request with this Idempotency-Key created it.",
    schema={"type": "string", "enum": ["true"]},
)
KEY_MISSING = Header(
    name="Idempotency-Key-Missing",
    description=(
        "`true` when the request had no Idempotency-Key. It was accepted, but if its response is lost, "
        "repeating it creates it again. Send a key."
    ),
    schema={"type": "string", "enum": ["true"]},
)
ANSWERED = (REPLAYED, KEY_MISSING)
"""The response headers of endpoints that accept a key."""


def idempotency_key() -> str | None:
    """Return the request's key, if any. Raises RequestRefused (422)."""
    g.takes_idempotency_key = True
    given = request.headers.get(IDEMPOTENCY_KEY.name)
    if given is None or _VISIBLE_ASCII.fullmatch(given):
        return given
    raise RequestRefused(
        problems.INVALID,
        "The Idempotency-Key cannot be used.",
        errors=[FieldError(field=IDEMPOTENCY_KEY.name, message="must be 1 to 255 visible ASCII characters")],
    )


def takes_idempotency_key() -> bool:
    """Return whether the request's endpoint accepts a key."""
    return g.get("takes_idempotency_key", False)


def idempotency_headers(*, is_new: bool) -> dict[str, str]:
    """Return the response headers about the request's key."""
    if IDEMPOTENCY_KEY.name not in request.headers:
        return {KEY_MISSING.name: "true"}
    return {} if is_new else {REPLAYED.name: "true"}
