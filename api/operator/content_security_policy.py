"""The Content-Security-Policy of the operator's pages, so that no text stored in a job can run as a script."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

BLUEPRINTS = frozenset({"operator", "operator_sessions", "rq_dashboard"})


def install(app: Flask) -> None:
    app.context_processor(lambda: {"csp_nonce": _nonce()})
    app.after_request(_protect)


def _nonce() -> str:
    if "operator_nonce" not in g:
        g.operator_nonce = secrets.token_urlsafe(16)
    return g.operator_nonce


def _protect(response: Response) -> Response:
    if request.blueprint not in BLUEPRINTS:
        return response
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{_nonce()}'",
            f"style-src 'self' 'nonce-{_nonce()}'",
            "style-src-attr 'unsafe-inline'",  # rq-dashboard positions its buttons with style attributes
            "img-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    # Not "no-referrer": with it, browsers send "Origin: null" with our own forms (Fetch standard, "append a request
    # Origin header").
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response
