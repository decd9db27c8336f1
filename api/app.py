"""The application factory. Nothing is connected, logged or built when this module is imported."""

from __future__ import annotations

import atexit

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

import logs
from api import (
    authentication,
    bodies,
    bounces,
    callbacks,
    commands,
    contacts,
    documentation,
    errors,
    health,
    messages,
    schedules,
    security_headers,
    services,
    traces,
    warming,
)
from api.callback_lane import CallbackLane
from api.endpoints import mount
from api.operator import blueprint as operator
from api.request_time import RequestTime
from api.unsubscribe import pages as unsubscribe
from settings import Settings, load_settings

ENDPOINTS = (
    *messages.ENDPOINTS,
    *schedules.ENDPOINTS,
    *contacts.ENDPOINTS,
    callbacks.take_callback,
    bounces.take_bounce,
    health.live,
    health.ready,
)


def create_app(settings: Settings | None = None, *, warm: bool = True) -> Flask:
    """The API, warm: connected where it can be, and ready to serve its first request as fast as any other.

    `warm=False` skips that for the command line, which serves no requests and may run without PostgreSQL.
    Raises settings.SettingsError. A PostgreSQL or Redis that is away is no reason to fail: it may come back.
    """
    settings = settings or load_settings()
    logs.configure(fmt=settings.log_format, level=settings.log_level)
    app = Flask("api")
    shared = services.open_services(settings)
    atexit.register(shared.close)
    services.install(app, shared)
    app.wsgi_app = RequestTime(CallbackLane(shared, app.wsgi_app))
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)
    app.config["MAX_CONTENT_LENGTH"] = bodies.MAX_BYTES
    app.url_map.merge_slashes = False
    for layer in (traces, security_headers, authentication, errors):
        layer.install(app)
    authentication.declare(app, "static", authentication.PUBLIC)
    mount(app, ENDPOINTS)
    documentation.install(app, ENDPOINTS, public_url=settings.public_url)
    operator.register(app, settings)
    unsubscribe.register(app)
    commands.register(app)
    if warm:
        warming.warm(app)
    return app
