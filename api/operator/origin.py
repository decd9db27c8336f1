"""Protection against cross-site request forgery: detects requests that another site's page sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_cross_origin(request: Request) -> bool:
    """Return whether the request may change something and, by its headers, was sent by another site's page.

    A request with neither Sec-Fetch-Site nor Origin does not come from a browser, so it cannot abuse anybody's cookie.
    The rules are those of https://pkg.go.dev/net/http#CrossOriginProtection.
    """
    if request.method in SAFE_METHODS:
        return False
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    try:
        # The scheme is not compared: behind a proxy that terminates TLS it differs from the browser's.
        return urlsplit(origin).netloc != request.host
    except ValueError:  # no browser sends such an origin
        return True
