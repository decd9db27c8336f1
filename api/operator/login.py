"""The way in and out: a form with one field."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

import psycopg
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import logs
from api.operator.guard import DATABASE_AWAY, SHUT, check_origin
from api.operator.known_browsers import KnownBrowsers
from api.operator.login_attempts import LoginAttempts
from api.operator.notices import notice
from api.operator.session import Sessions

WRONG_PASSWORD_PAUSE_SECONDS = 0.3
_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginServices:
    """What a login needs: the password's sessions, and who may try how often."""

    sessions: Sessions
    known_browsers: KnownBrowsers
    attempts: LoginAttempts


def login_pages(door: LoginServices | None) -> Blueprint:
    """The pages under /operator. Without a door (no password is set) they say only that."""
    pages = Blueprint("operator", __name__, url_prefix="/operator", template_folder="templates")

    @pages.before_request
    def check() -> ResponseReturnValue | None:  # pyright: ignore[reportUnusedFunction]
        return check_origin()

    @pages.get("/login")
    def login() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _form() if door else _shut()

    @pages.post("/login")
    def log_in() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _admit(door) if door else _shut()

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        response = make_response(redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER))
        if door:
            door.sessions.end(response)
        return response

    @pages.errorhandler(psycopg.OperationalError)
    def database_away(_error: Exception) -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return notice(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_AWAY, headers={"Retry-After": "5"})

    return pages


def _admit(door: LoginServices) -> ResponseReturnValue:
    address, browser = request.remote_addr or "", door.known_browsers.presented()
    wait_seconds = door.attempts.wait_seconds(address, known_browser=browser)
    if wait_seconds:
        _log.warning("operator login refused, too many attempts", address=address)
        return notice(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many attempts. Try again in {wait_seconds} seconds.",
            headers={"Retry-After": str(wait_seconds)},
        )
    if not door.sessions.is_password(request.form.get("password", "")):
        _log.warning("operator login failed", address=address)
        time.sleep(WRONG_PASSWORD_PAUSE_SECONDS)
        return _form(wrong="That is not the password."), HTTPStatus.UNAUTHORIZED
    response = make_response(redirect("/rq/", HTTPStatus.SEE_OTHER))
    door.sessions.begin(response)
    door.known_browsers.remember(response)
    door.attempts.forget(address, known_browser=browser)
    _log.info("operator logged in", address=address)
    return response


def _form(*, wrong: str | None = None) -> str:
    return render_template("operator/login.html", title="Operator", wrong=wrong)


def _shut() -> ResponseReturnValue:
    return notice(HTTPStatus.SERVICE_UNAVAILABLE, SHUT)
