"""Measures how long requests take, by route and class of status."""

from __future__ import annotations

import re
import time
from functools import cache

from flask import Flask, Response, g, request

from api.services import services
from metrics.definitions import REQUEST_SECONDS
from metrics.label_values import method_label, status_class
from metrics.measurements import Measurements

_NO_ROUTE = "none"


def install(app: Flask) -> None:
    """Measure every request that Flask serves. Install it after request_ids, which notes when a request began."""
    app.after_request(_measure)


def measure_request(measurements: Measurements, *, method: str, route: str, status: int, began: float) -> None:
    """Count a request that began at `began` (time.perf_counter). `route` has its parameters in braces."""
    seconds = time.perf_counter() - began
    measurements.observe(REQUEST_SECONDS, seconds, method_label(method), route, status_class(status))


def _measure(response: Response) -> Response:
    measure_request(
        services().measurements,
        method=request.method,
        route=_braced(request.url_rule.rule) if request.url_rule else _NO_ROUTE,
        status=response.status_code,
        began=g.started,
    )
    return response


@cache
def _braced(rule: str) -> str:
    """Return Flask's rule with parameters as in the documents: `/api/messages/{message_id}`."""
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule)
