"""Serves status callbacks before Flask sees them.

There are three callbacks for every text, so they are most of all requests, and Flask would double the cost of each. A
callback is handled here, and only once. If it is accepted, the response is sent from here. If an exception is raised,
it is put into `environ` and the application is called: the mounted view raises it again, so that Flask handles it like
the errors of all other endpoints (api/channel_routes/mounting.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from api import request_ids, security_headers
from api.channel_routes.serving import RouteServer, declared_routes
from channels.incoming import Route, RouteKind, RouteResponse, RouteStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FAILURE = "koinonia.callback_failure"
"""The key in `environ` of the exception that handling the callback raised."""
MAX_ATTEMPT = 32_767

_PATTERNS: Mapping[str, str] = {
    "delivery_id": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "attempt": "[0-9]{1,5}",
}


class StatusCallbacks:
    """WSGI middleware that serves the status callbacks of all channels before the application."""

    def __init__(self, server: RouteServer, application: WSGIApplication) -> None:
        self._server = server
        self._application = application
        self._headers = list(security_headers.DEFAULTS.items())
        routes = [declared.route for declared in declared_routes() if declared.route.kind is RouteKind.STATUS_CALLBACK]
        self._routes = [(_pattern(route), route) for route in routes]
        self._prefixes = tuple(route.path.partition("{")[0] for route in routes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = self._find(environ)
        if found is None:
            return self._application(environ, start_response)
        route, parameters = found
        try:
            response = self._server.serve(route, environ, parameters=parameters)
        except Exception as error:  # noqa: BLE001 - the view raises it again
            environ[FAILURE] = error
            return self._application(environ, start_response)
        return self._respond(response, environ, start_response)

    def _find(self, environ: WSGIEnvironment) -> tuple[Route[RouteStore], Mapping[str, str]] | None:
        path: str = environ["PATH_INFO"]
        if path.startswith(self._prefixes):
            for pattern, route in self._routes:
                if environ["REQUEST_METHOD"] == route.method and (match := pattern.fullmatch(path)):
                    parameters = match.groupdict()
                    attempt = parameters.get("attempt", "1")
                    return (route, parameters) if 1 <= int(attempt) <= MAX_ATTEMPT else None
        return None

    def _respond(
        self, response: RouteResponse, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        headers = [*self._headers, (request_ids.HEADER, request_ids.valid_or_new(environ.get("HTTP_X_REQUEST_ID", "")))]
        if response.media_type is not None:
            headers.append(("Content-Type", response.media_type))
            headers.append(("Content-Length", str(len(response.body))))
        headers.extend(response.headers.items())
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)
        return (response.body,) if response.body else ()


def _pattern(route: Route[RouteStore]) -> re.Pattern[str]:
    """Return a pattern for the path of the route, with a named group for each parameter."""
    parts = re.split(r"\{(\w+)\}", route.path)
    for index, part in enumerate(parts):
        parts[index] = f"(?P<{part}>{_PATTERNS.get(part, '[^/]+')})" if index % 2 else re.escape(part)
    return re.compile("".join(parts), re.ASCII)
