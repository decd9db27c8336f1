"""Mounts the routes of the channels in Flask, each with its authentication, and describes them for /openapi.json."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, request
from pydantic import Field, create_model

import logs
from api import authentication, problems, query_parameters
from api.authentication import PUBLIC, SIGNATURE, Authentication
from api.base_models import RequestModel
from api.channel_routes.database_inbox import DatabaseInbox
from api.channel_routes.database_route_store import DatabaseRouteStore
from api.channel_routes.serving import ChannelRoute, RouteServer, Uses, declared_inbound_routes, declared_routes
from api.channel_routes.status_callbacks import MAX_ATTEMPT, StatusCallbacks
from api.endpoints import ApiResponse, Endpoint, Header, ResponseSpec
from api.problems import FieldError, RequestRefused
from api.server import loop_handler
from api.services import services
from channels.incoming import (
    ForgedRequest,
    MalformedRequest,
    Route,
    RouteDisabled,
    RouteKind,
    RouteResponse,
)

_AUTHENTICATION: Mapping[RouteKind, Authentication] = {
    RouteKind.STATUS_CALLBACK: SIGNATURE,
    RouteKind.BOUNCE: SIGNATURE,
    RouteKind.INBOUND_MESSAGE: SIGNATURE,
    RouteKind.PAGE: PUBLIC,
}
_CONVERTERS: Mapping[str, str] = {
    "delivery_id": "<uuid:delivery_id>",
    "attempt": f"<int(min=1,max={MAX_ATTEMPT}):attempt>",
}

_log = logs.get_logger(__name__)


def mount(app: Flask) -> None:
    """Serve the routes of all channels in the registry, and offer the server to take status callbacks itself."""
    shared = services(app)
    store, server = DatabaseRouteStore(shared), RouteServer(shared.settings)
    for declared in declared_routes():
        _add_rule(app, declared.route, _view(declared, store, server, count_refused=store.count_refused))
    for declared in declared_inbound_routes():
        inbox = DatabaseInbox(shared, channel=declared.channel)
        _add_rule(app, declared.route, _view(declared, inbox, server, count_refused=store.count_refused))
    app.extensions[loop_handler.EXTENSION] = StatusCallbacks(server, shared)


def endpoints() -> tuple[Endpoint, ...]:
    """Return the routes that programs use, for /openapi.json. Pages for people are omitted."""
    routes: list[Route[Any]] = [each.route for each in (*declared_routes(), *declared_inbound_routes())]
    return tuple(_endpoint(route) for route in routes if route.kind is not RouteKind.PAGE)


def _add_rule(app: Flask, route: Route[Any], view: Callable[..., Response]) -> None:
    authentication.declare(app, route.name, _AUTHENTICATION[route.kind])
    app.add_url_rule(
        _rule(route),
        endpoint=route.name,
        view_func=view,
        methods=[route.method],
        provide_automatic_options=False,
    )


def _view(
    declared: ChannelRoute[Uses], uses: Uses, server: RouteServer, *, count_refused: Callable[[str], None]
) -> Callable[..., Response]:
    route = declared.route
    query_model = _query_model(route)

    def view(**parameters: object) -> Response:
        try:
            path_parameters = {name: str(value) for name, value in parameters.items()}
            query = {} if query_model is None else query_parameters.read(query_model).model_dump(by_alias=True)
            query = {name: value for name, value in query.items() if value is not None}
            return _respond(server.serve(route, uses, request.environ, parameters=path_parameters, query=query))
        except RouteDisabled as error:
            raise RequestRefused(problems.FORBIDDEN, str(error)) from None
        except ForgedRequest as error:
            count_refused(declared.channel)
            _log.warning(
                "request refused: its sender is not verified",
                kind=route.kind.value,
                channel=declared.channel,
                reason=str(error),
            )
            raise RequestRefused(problems.FORBIDDEN, str(error)) from None
        except MalformedRequest as error:
            delivery_id = error.delivery_id or parameters.get("delivery_id")
            _log.warning(
                "request refused: it cannot be read",
                kind=route.kind.value,
                channel=declared.channel,
                delivery_id=str(delivery_id),
                reason=str(error),
            )
            errors = [FieldError(field="body", message=str(error))]
            raise RequestRefused(problems.INVALID, "The body cannot be read.", errors=errors) from None

    return view


def _respond(response: RouteResponse) -> Response:
    flask_response = Response(response.body, status=response.status, mimetype=response.media_type)
    if response.media_type is None:
        del flask_response.headers["Content-Type"]
    flask_response.headers.update(response.headers)
    return flask_response


def _rule(route: Route[Any]) -> str:
    """Return the path in Flask's syntax."""
    return re.sub(r"\{(\w+)\}", lambda part: _CONVERTERS.get(part[1], f"<{part[1]}>"), route.path)


def _query_model(route: Route[Any]) -> type[RequestModel] | None:
    """Return a model of the declared query parameters, which refuses all others; None if the route declares none."""
    if not route.query:
        return None
    fields: dict[str, Any] = {
        f"parameter_{number}": (str | None, Field(default=None, alias=name, description=description))
        for number, (name, description) in enumerate(route.query.items())
    }
    return create_model(f"Query_{route.name}", __base__=RequestModel, **fields)


def _endpoint(route: Route[Any]) -> Endpoint:
    """Return the route as an endpoint for /openapi.json. Its view is never called."""

    def view() -> ApiResponse:
        raise NotImplementedError("the mounted route serves these requests; this only describes it")

    view.__name__ = route.name
    name, description = route.signature_header or ("", "")
    return Endpoint(
        view=view,
        method=route.method,
        path=_rule(route),
        tag="Callbacks",
        summary=route.summary,
        description=route.description,
        authentication=_AUTHENTICATION[route.kind],
        responses=(
            ResponseSpec(
                status=route.success_status,
                description="It is stored, or there was nothing to store.",
                text_media_type=route.success_media_type,
            ),
        ),
        problems=(problems.FORBIDDEN, problems.NOT_FOUND, problems.INVALID),
        body=None,
        form=route.form,
        raw=() if route.form else route.media_types,
        query=_query_model(route),
        headers=(Header(name=name, description=description),) if name else (),
        example=None,
    )
