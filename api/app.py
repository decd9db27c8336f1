"""The application factory. Importing this module has no side effects."""

from __future__ import annotations

import atexit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import logs
from api import (
    analytics,
    audit,
    authentication,
    commands,
    consent,
    contacts,
    conversations,
    documentation,
    errors,
    groups,
    health,
    imports,
    json_bodies,
    links,
    messages,
    people,
    request_ids,
    request_measurements,
    schedules,
    security_headers,
    services,
    templates,
    warm_up,
)
from api.channel_routes import mounting as channel_routes
from api.database_wait import DatabaseWaitLimit
from api.endpoints import Endpoint, mount
from api.links import link_domains
from api.links import redirecting as link_redirects
from api.metrics import mounting as metrics
from api.operator import mounting as operator
from settings import Settings, load_settings

ENDPOINTS = (
    *messages.ENDPOINTS,
    *links.ENDPOINTS,
    *schedules.ENDPOINTS,
    *templates.ENDPOINTS,
    *contacts.ENDPOINTS,
    *groups.ENDPOINTS,
    *imports.ENDPOINTS,
    *conversations.ENDPOINTS,
    *consent.ENDPOINTS,
    *analytics.ENDPOINTS,
    *people.ENDPOINTS,
    *audit.ENDPOINTS,
    health.live,
    health.ready,
)


def described_endpoints() -> tuple[Endpoint, ...]:
    """Return the endpoints that /openapi.json describes: those of the API, and those that the channels declare."""
    return (*ENDPOINTS, *channel_routes.endpoints())


def create_app(settings: Settings | None = None, *, warm: bool = True) -> Flask:
    """Create the app, and warm it up so that the first request is as fast as any other.

    `warm=False` skips the warm-up for the command line, which serves no requests and may run without PostgreSQL.
    PostgreSQL and Redis need not be reachable yet. Raises settings.SettingsError.
    """
    settings = settings or load_settings()
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    app = Flask("api")
    shared = services.open_services(settings)
    atexit.register(shared.close)
    services.install(app, lambda: shared)
    app.config["MAX_CONTENT_LENGTH"] = json_bodies.MAX_BYTES
    app.url_map.merge_slashes = False
    for layer in (request_ids, request_measurements, security_headers, link_domains, authentication, errors):
        layer.install(app)
    authentication.declare(app, "static", authentication.PUBLIC)
    mount(app, ENDPOINTS)
    channel_routes.mount(app)
    link_redirects.mount(app)
    metrics.mount(app)
    app.wsgi_app = DatabaseWaitLimit(app.wsgi_app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)
    documentation.install(app, described_endpoints(), public_url=settings.public_url)
    operator.mount(app, settings)
    commands.register(app)
    if warm:
        warm_up.warm_up(app)
    return app
