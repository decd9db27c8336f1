"""The Idempotency-Key header, which makes it safe to repeat a request."""

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
        "A key of your choice, such as a UUID. However often you repeat the request with the same key, the "
        "message or schedule is created once. The same key with a different body is refused (409)."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
REPLAYED = Header(
    name="Idempotent-Replayed",
    description="`true` if an earlier request with this Idempotency-Key created the message or schedule.",
    schema={"type": "string", "enum": ["true"]},
)
KEY_MISSING = Header(
    name="Idempotency-Key-Missing",
    description=(
        "`true` if the request had no Idempotency-Key. The request was accepted, but if you repeat it because the "
        "response was lost, the message or schedule is created a second time. So send a key."
    ),
    schema={"type": "string", "enum": ["true"]},
)
RESPONSE_HEADERS = (REPLAYED, KEY_MISSING)
"""The response headers of endpoints that accept a key."""


def idempotency_key() -> str | None:
    """Return the request's key, if any. Raises RequestRefused (422)."""
    g.takes_idempotency_key = True
    key = request.headers.get(IDEMPOTENCY_KEY.name)
    if key is None or _VISIBLE_ASCII.fullmatch(key):
        return key
    raise RequestRefused(
        problems.INVALID,
        "The Idempotency-Key is not valid.",
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
