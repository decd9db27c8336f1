"""The API's documentation, generated from its endpoints: /openapi.json for programs, /docs for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flask import Blueprint, Flask, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from api import problems
from api.authentication import PUBLIC, declaring
from api.documentation import statuses
from api.documentation.openapi import describe
from api.documentation.page_contents import operations_by_tag
from api.endpoints import Endpoint

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: Flask, endpoints: Sequence[Endpoint], *, public_url: str) -> None:
    """Serve the documentation of the endpoints. The OpenAPI document is generated once, here."""
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
            operations_by_tag=operations_by_tag(document),
            problems=problems.CATALOGUE,
            message_statuses=statuses.MESSAGES,
            delivery_statuses=statuses.DELIVERIES,
        )
        response = Response(page, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        return response

    def redirect_to_docs() -> BaseResponse:
        return redirect(url_for("documentation.docs"))

    pages.add_url_rule("/openapi.json", view_func=openapi, provide_automatic_options=False)
    pages.add_url_rule("/docs", view_func=docs, provide_automatic_options=False)
    pages.add_url_rule("/", view_func=redirect_to_docs, provide_automatic_options=False)
    with declaring(app, PUBLIC):
        app.register_blueprint(pages)
