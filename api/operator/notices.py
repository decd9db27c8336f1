"""Responses with a single message: HTML for a person, problem+json (RFC 9457) for a script."""

from __future__ import annotations

import json
from http import HTTPStatus

from flask import Response, make_response, render_template, request


def wants_json() -> bool:
    """Return whether a script sent the request, such as one of the dashboard's own, and not a browser's navigation."""
    return (
        request.headers.get("X-Requested-With") == "XMLHttpRequest"
        or request.path.endswith(".json")
        or request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    )


def notice(status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None) -> Response:
    """Return a response with this status whose message is `detail`."""
    if wants_json():
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        response = Response(json.dumps(problem), content_type="application/problem+json")
    else:
        response = make_response(render_template("operator/notice.html", title=status.phrase, detail=detail))
    response.status_code = status.value
    response.headers.update(headers or {})
    return response
