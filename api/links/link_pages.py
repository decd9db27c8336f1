"""Renders the pages of short links that do not work."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from flask import Response
from jinja2 import Environment, FileSystemLoader

_TEMPLATES = Path(__file__).parent / "templates"


def render(page: Literal["expired", "unknown"]) -> Response:
    """Returns the page with its status: 410 for a link that worked once, 404 for all others."""
    status = HTTPStatus.GONE if page == "expired" else HTTPStatus.NOT_FOUND
    html = _templates().get_template(f"{page}.html").render(style=_style())
    response = Response(html, status=status, mimetype="text/html")
    # The stylesheet is in the page: at the domain of a church nothing else is served.
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)


@cache
def _style() -> str:
    return (_TEMPLATES / "links.css").read_text()


@cache
def _style_hash() -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
