"""Requests that may be repeated: the name that a caller gives to what it makes."""

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
        "A name for what is made that you choose, such as a UUID. However often a request is repeated with it, it is "
        "made once; with another body it is refused (409)."
    ),
    schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
REPLAYED = Header(
    name="Idempotent-Replayed",
    description="`true` when an earlier request with this Idempotency-Key had made it.",
    schema={"type": "string", "enum": ["true"]},
)
KEY_MISSING = Header(
    name="Idempotency-Key-Missing",
    description=(
        "`true` when the request came without an Idempotency-Key. It was taken, but if its answer is lost it cannot be "
        "repeated safely: a repetition is made again. Send a key."
    ),
    schema={"type": "string", "enum": ["true"]},
)
ANSWERED = (REPLAYED, KEY_MISSING)
"""For the promises of endpoints that take a key."""


def idempotency_key() -> str | None:
    """The present request's, if it has one. Raises RequestRefused (422)."""
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
    """Whether the present request asked for something that a key makes repeatable."""
    return g.get("takes_idempotency_key", False)


def idempotency_headers(*, is_new: bool) -> dict[str, str]:
    """What the answer says of the present request's key."""
    if IDEMPOTENCY_KEY.name not in request.headers:
        return {KEY_MISSING.name: "true"}
    return {} if is_new else {REPLAYED.name: "true"}
