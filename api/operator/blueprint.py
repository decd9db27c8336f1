"""Puts the operator's pages into the app: `register` is all that the app needs to know."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask
from flask.typing import ResponseReturnValue

from api.authentication import OPERATOR, PUBLIC, declaring
from api.operator import dashboard, policy
from api.operator.attempts import Attempts
from api.operator.guard import Guard
from api.operator.login import login_pages
from api.operator.notices import notice
from api.operator.session import Sessions
from jobs.queues import open_redis
from settings import Settings

_REDIS_SECONDS = 2.0
"""How long a page waits for one answer of a Redis that stands still."""


def register(app: Flask, settings: Settings) -> None:
    """/operator/login, /operator/logout, and the dashboard at /rq for whom they let in.

    Without OPERATOR_PASSWORD all of them answer 503. Without queues /rq says that there are none.
    """
    password = settings.operator_password
    sessions = (
        Sessions(password.get_secret_value(), secure=settings.cookies_are_secure)
        if password is not None and password.get_secret_value()
        else None
    )
    policy.register(app)
    app.before_request(Guard(sessions).check_dashboard)
    redis = open_redis(settings, patience_seconds=_REDIS_SECONDS) if settings.enable_queues else None
    with declaring(app, PUBLIC):
        app.register_blueprint(login_pages(sessions, Attempts(redis)))
    with declaring(app, OPERATOR):
        if redis is not None and settings.redis_url is not None:
            dashboard.register(app, redis=redis, redis_url=settings.redis_url)
        else:
            app.add_url_rule("/rq/", "rq_off", _no_queues)
            app.add_url_rule("/rq/<path:_page>", "rq_off", _no_queues)


def _no_queues(_page: str = "") -> ResponseReturnValue:
    return notice(HTTPStatus.NOT_FOUND, "Queues are switched off (ENABLE_QUEUES=false), so there is nothing to show.")
