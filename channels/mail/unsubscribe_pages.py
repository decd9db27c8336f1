"""Renders the unsubscribe pages."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from channels.incoming import Recipient, RouteResponse
from messaging.addresses import mask_email

STYLESHEET = "/unsubscribe/static/unsubscribe.css"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex",
}


def render(page: str, recipient: Recipient | None, *, token: str) -> RouteResponse:
    """The page for the recipient. Without a recipient, a 404 page that does not say what is wrong with the token."""
    if recipient is None:
        return _response("unknown_link", status=HTTPStatus.NOT_FOUND)
    path = f"/unsubscribe/{quote(token, safe='')}"
    return _response(
        page,
        status=HTTPStatus.OK,
        church=recipient.church_name,
        address=mask_email(recipient.address),
        can_undo=recipient.can_undo,
        page_path=path,
        undo_path=f"{path}/undo",
    )


def _response(page: str, *, status: int, **values: object) -> RouteResponse:
    html = _templates().get_template(f"{page}.html").render(stylesheet=STYLESHEET, **values)
    return RouteResponse(status=status, body=html.encode(), media_type="text/html", headers=_HEADERS)


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
