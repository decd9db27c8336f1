"""Mounts the operator's pages in the app."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask
from flask.typing import ResponseReturnValue
from redis import Redis

from api.authentication import OPERATOR, PUBLIC, declaring
from api.operator import content_security_policy, dashboard
from api.operator.accounts import Accounts
from api.operator.failed_logins import FailedLogins
from api.operator.guard import Guard
from api.operator.known_browsers import KnownBrowsers
from api.operator.login import LoginServices, login_pages
from api.operator.login_attempts import LoginAttempts
from api.operator.notices import notice
from api.operator.password_hashing import PasswordHashing
from api.operator.session import Sessions
from api.operator.session_pages import session_pages
from api.services import services
from jobs.job_queue.redis_connection import open_redis
from settings import Settings
from store.database import Database

_REDIS_SECONDS = 2.0
"""How long a page waits for one reply of Redis."""


def mount(app: Flask, settings: Settings) -> None:
    """Mount /operator/login, /operator/logout, and what needs a login: /operator/sessions and the dashboard at /rq.

    Without operators and OPERATOR_PASSWORD all of them answer 503. Without queues, /rq answers 404 with the reason.
    """
    redis = open_redis(settings, timeout_seconds=_REDIS_SECONDS) if settings.enable_queues else None
    database = services(app).database
    login = _login_services(settings, database=database, redis=redis)
    content_security_policy.install(app)
    app.before_request(Guard(login.accounts, login.sessions).check)
    with declaring(app, PUBLIC):
        app.register_blueprint(login_pages(login))
    with declaring(app, OPERATOR):
        app.register_blueprint(session_pages)
        if redis is not None and settings.redis_url is not None:
            dashboard.register(app, redis=redis, redis_url=settings.redis_url, database=database)
        else:
            app.add_url_rule("/rq/", "rq_off", _no_queues)
            app.add_url_rule("/rq/<path:_page>", "rq_off", _no_queues)


def _login_services(settings: Settings, *, database: Database, redis: Redis | None) -> LoginServices:
    shared = settings.operator_password.get_secret_value() if settings.operator_password else None
    hashing, secure = PasswordHashing(), settings.cookies_are_secure
    return LoginServices(
        accounts=Accounts(shared, database=database, hashing=hashing),
        hashing=hashing,
        sessions=Sessions(shared, secure=secure, database=database),
        known_browsers=KnownBrowsers(secure=secure),
        attempts=LoginAttempts(redis),
        failed_logins=FailedLogins(redis, database=database),
    )


def _no_queues(_page: str = "") -> ResponseReturnValue:
    return notice(HTTPStatus.NOT_FOUND, "Queues are switched off (ENABLE_QUEUES=false), so there is nothing to show.")
