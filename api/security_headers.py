"""Security headers of every response, unless its view sets its own."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response

DEFAULTS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def install(app: Flask) -> None:
    app.after_request(_complete)


def _complete(response: Response) -> Response:
    for name, value in DEFAULTS.items():
        response.headers.setdefault(name, value)
    return response
