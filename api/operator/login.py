"""The login form and the logout."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

import psycopg
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import logs
from api.operator.guard import CLOSED, DATABASE_UNAVAILABLE, check_origin
from api.operator.known_browsers import KnownBrowsers
from api.operator.login_attempts import LoginAttempts
from api.operator.notices import notice
from api.operator.session import Sessions

WRONG_PASSWORD_PAUSE_SECONDS = 0.3
_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginServices:
    """What a login needs. There is none when no password is set."""

    sessions: Sessions
    known_browsers: KnownBrowsers
    attempts: LoginAttempts


def login_pages(services: LoginServices | None) -> Blueprint:
    """Return the pages under /operator. When no password is set, they only say so."""
    pages = Blueprint("operator", __name__, url_prefix="/operator", template_folder="templates")

    @pages.before_request
    def check() -> ResponseReturnValue | None:  # pyright: ignore[reportUnusedFunction]
        return check_origin()

    @pages.get("/login")
    def login() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _form() if services else _closed()

    @pages.post("/login")
    def log_in() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _log_in(services) if services else _closed()

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        response = make_response(redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER))
        if services:
            services.sessions.end(response)
        return response

    @pages.errorhandler(psycopg.OperationalError)
    def database_unavailable(_error: Exception) -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return notice(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_UNAVAILABLE, headers={"Retry-After": "5"})

    return pages


def _log_in(services: LoginServices) -> ResponseReturnValue:
    address, browser = request.remote_addr or "", services.known_browsers.presented()
    wait_seconds = services.attempts.wait_seconds(address, known_browser=browser)
    if wait_seconds:
        _log.warning("operator login refused: too many attempts", address=address)
        return notice(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"There were too many login attempts. Try again in {wait_seconds} seconds.",
            headers={"Retry-After": str(wait_seconds)},
        )
    if not services.sessions.is_password(request.form.get("password", "")):
        _log.warning("operator login failed", address=address)
        time.sleep(WRONG_PASSWORD_PAUSE_SECONDS)
        return _form(error="The password is not correct."), HTTPStatus.UNAUTHORIZED
    response = make_response(redirect("/rq/", HTTPStatus.SEE_OTHER))
    services.sessions.begin(response)
    services.known_browsers.remember(response)
    services.attempts.forget(address, known_browser=browser)
    _log.info("operator logged in", address=address)
    return response


def _form(*, error: str | None = None) -> str:
    return render_template("operator/login.html", title="Operator", error=error)


def _closed() -> ResponseReturnValue:
    return notice(HTTPStatus.SERVICE_UNAVAILABLE, CLOSED)
