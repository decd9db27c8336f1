"""Whether a request that changes something comes from our own pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_cross_origin(request: Request) -> bool:
    """Whether a browser says that another site's page sent this request, and it is one that may change something.

    A request with neither header comes from no browser, so nobody's cookie was abused for it.
    (The rules of Go's net/http CrossOriginProtection, https://pkg.go.dev/net/http#CrossOriginProtection.)
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
        # The scheme is left out: behind a proxy that ends TLS we see another one than the browser.
        return urlsplit(origin).netloc != request.host
    except ValueError:  # no browser writes such an origin
        return True
