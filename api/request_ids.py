"""The id of each request. It is in the response and in every log line about the request."""

from __future__ import annotations

import random
import re
import time
import uuid

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

import logs

HEADER = "X-Request-ID"
SHAPE = r"[A-Za-z0-9._-]{1,64}"

_SHAPE = re.compile(SHAPE)
_log = logs.get_logger("api.access")


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)


def request_id() -> str:
    """Return the id of the current request: the caller's own if it has the right form, otherwise a new one."""
    return g.request_id


def valid_or_new(supplied: str) -> str:
    """Return the caller's id if it has the right form, otherwise a new one."""
    if _SHAPE.fullmatch(supplied):
        return supplied
    # An id is no secret. The system's random numbers cost a system call for each.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = valid_or_new(request.headers.get(HEADER, ""))
    clear_contextvars()
    bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    _log.info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        duration_ms=round((time.perf_counter() - g.started) * 1000, 1),
    )
    return response
