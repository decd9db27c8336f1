"""The API described by itself: /openapi.json for programs, /docs for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flask import Blueprint, Flask, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from api.authentication import PUBLIC, declaring
from api.documentation import statuses
from api.documentation.openapi import describe
from api.documentation.page_contents import chapters, problem_rows
from api.endpoints import Endpoint

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def install(app: Flask, endpoints: Sequence[Endpoint], *, public_url: str) -> None:
    """Serve the description of the endpoints. Both forms are written once, here."""
    document = describe(endpoints, public_url=public_url)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    pages = Blueprint(
        "documentation", __name__, template_folder="templates", static_folder="static", static_url_path="/docs/static"
    )

    def openapi() -> Response:
        return Response(text, mimetype="application/json")

    def docs() -> Response:
        page = render_template(
            "documentation.html",
            document=document,
            chapters=chapters(document),
            problems=problem_rows(),
            message_statuses=statuses.MESSAGES,
            delivery_statuses=statuses.DELIVERIES,
        )
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    def start() -> BaseResponse:
        return redirect(url_for("documentation.docs"))

    pages.add_url_rule("/openapi.json", view_func=openapi, provide_automatic_options=False)
    pages.add_url_rule("/docs", view_func=docs, provide_automatic_options=False)
    pages.add_url_rule("/", view_func=start, provide_automatic_options=False)
    with declaring(app, PUBLIC):
        app.register_blueprint(pages)
