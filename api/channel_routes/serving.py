"""Calls the handler of a channel's route, for Flask views and for the status callbacks on the event loop."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from werkzeug.wsgi import get_input_stream

from api import problems
from api.problems import RequestRefused
from channels.incoming import Inbox, IncomingRequest, Route, RouteResponse, RouteStore
from channels.registry import CHANNELS
from settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_MAX_LENGTH_DIGITS = 12
"""A Content-Length with more digits is refused as too large without being parsed."""


Uses = TypeVar("Uses")
"""What the handlers of a route use: a RouteStore, or an Inbox."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelRoute(Generic[Uses]):
    """A route and the name of the channel that declares it."""

    channel: str
    route: Route[Uses]


def declared_routes() -> list[ChannelRoute[RouteStore]]:
    """Return the routes of all channels, without those for inbound messages."""
    return [
        ChannelRoute(channel=channel.name, route=route) for channel in CHANNELS.values() for route in channel.routes
    ]


def declared_inbound_routes() -> list[ChannelRoute[Inbox]]:
    """Return the routes of all channels for messages that recipients write."""
    return [
        ChannelRoute(channel=channel.name, route=route)
        for channel in CHANNELS.values()
        for route in channel.inbound_routes
    ]


class RouteServer:
    """Passes requests to the handlers of the channels."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._public_url = settings.public_url.rstrip("/")

    def serve(
        self,
        route: Route[Uses],
        uses: Uses,
        environ: WSGIEnvironment,
        *,
        parameters: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> RouteResponse:
        """Return the handler's response. Raises RequestRefused (413, 415) and what the handler raises."""
        _check_media_type(route, environ.get("CONTENT_TYPE", ""))
        query_string = environ.get("QUERY_STRING", "")
        path = self._public_url + environ["PATH_INFO"]
        request = IncomingRequest(
            url=f"{path}?{query_string}" if query_string else path,
            parameters=parameters,
            query=query or {},
            header=partial(_header, environ),
            read=_reader(environ, route),
            settings=self._settings,
        )
        return route.handle(request, uses)

    def serve_on_event_loop(
        self,
        route: Route[RouteStore],
        store: RouteStore,
        *,
        path: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> RouteResponse:
        """Return the handler's response, for a request without a query whose headers have lower-case names.

        Raises what `serve` raises, and NeedsThread. The body is no larger than the route allows.
        """
        _check_media_type(route, headers.get("content-type", ""))
        request = IncomingRequest(
            url=self._public_url + path,
            parameters=parameters,
            query={},
            header=lambda name: headers.get(name.lower()),
            read=io.BytesIO(body).read,
            settings=self._settings,
            is_on_event_loop=True,
        )
        return route.handle(request, store)


def _check_media_type(route: Route[Any], content_type: str) -> None:
    if route.media_types and content_type.partition(";")[0].strip().lower() not in route.media_types:
        raise RequestRefused(problems.WRONG_MEDIA_TYPE, f"The body must be sent as {' or '.join(route.media_types)}.")


def _reader(environ: WSGIEnvironment, route: Route[Any]) -> Callable[[int], bytes]:
    """Return a function that reads the next bytes of the body, and raises RequestRefused (413) if it is too large."""
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and len(length) <= _MAX_LENGTH_DIGITS:
        stream, left = environ["wsgi.input"], int(length)
    else:
        stream, left = get_input_stream(environ), route.max_bytes + 1
    if left > route.max_bytes and length:
        raise _too_large(route)

    def read(count: int) -> bytes:
        nonlocal left
        missing = left if count < 0 else min(count, left)
        pieces: list[bytes] = []
        while missing and (piece := stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
            left -= len(piece)
        if not left and not length:
            raise _too_large(route)
        return b"".join(pieces)

    return read


def _too_large(route: Route[Any]) -> RequestRefused:
    return RequestRefused(problems.TOO_LARGE, route.too_large)


def _header(environ: WSGIEnvironment, name: str) -> str | None:
    return environ.get("HTTP_" + name.upper().replace("-", "_"))
