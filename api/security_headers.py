"""Adds security headers to every response. A view may set its own values."""

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
    app.after_request(_add_missing)


def _add_missing(response: Response) -> Response:
    for name, value in DEFAULTS.items():
        response.headers.setdefault(name, value)
    return response
