"""The way in and out: a form with one field."""

from __future__ import annotations

import time
from http import HTTPStatus

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import logs
from api.operator.attempts import Attempts
from api.operator.guard import SHUT, check_origin
from api.operator.notices import notice
from api.operator.session import Sessions

WRONG_PASSWORD_PAUSE_SECONDS = 0.3
_log = logs.get_logger(__name__)


def login_pages(sessions: Sessions | None, attempts: Attempts) -> Blueprint:
    """The pages under /operator. Without sessions (no password is set) they say only that."""
    pages = Blueprint("operator", __name__, url_prefix="/operator", template_folder="templates")

    @pages.before_request
    def check() -> ResponseReturnValue | None:  # pyright: ignore[reportUnusedFunction]
        return check_origin()

    @pages.get("/login")
    def login() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _form() if sessions else _shut()

    @pages.post("/login")
    def log_in() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _admit(sessions, attempts) if sessions else _shut()

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        response = make_response(redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER))
        if sessions:
            sessions.end(response)
        return response

    return pages


def _admit(sessions: Sessions, attempts: Attempts) -> ResponseReturnValue:
    address = request.remote_addr or ""
    wait_seconds = attempts.wait_seconds(address)
    if wait_seconds:
        _log.warning("operator login refused, too many attempts", address=address)
        return notice(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many attempts from this address. Try again in {wait_seconds} seconds.",
            headers={"Retry-After": str(wait_seconds)},
        )
    if not sessions.is_password(request.form.get("password", "")):
        _log.warning("operator login failed", address=address)
        time.sleep(WRONG_PASSWORD_PAUSE_SECONDS)
        return _form(wrong="That is not the password."), HTTPStatus.UNAUTHORIZED
    attempts.forget(address)
    _log.info("operator logged in", address=address)
    response = make_response(redirect("/rq/", HTTPStatus.SEE_OTHER))
    sessions.begin(response)
    return response


def _form(*, wrong: str | None = None) -> str:
    return render_template("operator/login.html", title="Operator", wrong=wrong)


def _shut() -> ResponseReturnValue:
    return notice(HTTPStatus.SERVICE_UNAVAILABLE, SHUT)
