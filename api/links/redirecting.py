"""GET /l/{code}: redirects to where a short link leads, and counts the click.

Anyone may request it, at any host name: the code alone decides. It leads nowhere but to URLs that were stored with a
message, so nobody can make others be redirected to a URL of their choice.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.urls import iri_to_uri

from api import authentication
from api.authentication import PUBLIC
from api.links import link_pages
from api.links.preview_fetchers import is_preview
from api.services import services
from messaging.links import PATH, looks_like_code
from store import links


def mount(app: Flask) -> None:
    """Add the route."""
    authentication.declare(app, "follow_link", PUBLIC)
    app.add_url_rule(
        f"{PATH}<code>",
        endpoint="follow_link",
        view_func=_follow_link,
        methods=["GET"],
        provide_automatic_options=False,
    )


def _follow_link(code: str) -> Response:
    code = code.lower()  # typed by hand, perhaps
    found = links.find(services().database, code) if looks_like_code(code) else None
    if found is None:
        return link_pages.render("unknown")
    if not found.works or found.url is None:
        return link_pages.render("expired")
    if request.method == "GET" and not is_preview(request.headers.get):
        services().link_clicks.count(code)
    # A URL may contain letters of any language; a header may not.
    headers = {"Location": iri_to_uri(found.url), "X-Robots-Tag": "noindex"}
    response = Response(status=HTTPStatus.FOUND, headers=headers)
    response.autocorrect_location_header = False
    del response.headers["Content-Type"]
    return response
