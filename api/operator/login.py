"""The login form and the logout."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus

import psycopg
from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import logs
from api.operator.accounts import Account, Accounts
from api.operator.failed_logins import FailedLogins
from api.operator.guard import CLOSED, DATABASE_UNAVAILABLE, check_origin
from api.operator.known_browsers import KnownBrowsers
from api.operator.login_attempts import LoginAttempts
from api.operator.notices import notice
from api.operator.password_hashing import PasswordHashing, TooManyLogins
from api.operator.session import Sessions
from store.operators import SHARED_NAME

WRONG_PASSWORD_PAUSE_SECONDS = 0.3
_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginServices:
    """What a login needs."""

    accounts: Accounts
    hashing: PasswordHashing
    sessions: Sessions
    known_browsers: KnownBrowsers
    attempts: LoginAttempts
    failed_logins: FailedLogins


def login_pages(services: LoginServices) -> Blueprint:
    """Return the pages under /operator for the login and the logout. When nobody can log in, they say so."""
    pages = Blueprint("operator", __name__, url_prefix="/operator", template_folder="templates")

    @pages.before_request
    def check() -> ResponseReturnValue | None:  # pyright: ignore[reportUnusedFunction]
        return check_origin()

    @pages.get("/login")
    def login() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _form() if services.accounts.exist() else _closed()

    @pages.post("/login")
    def log_in() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return _log_in(services) if services.accounts.exist() else _closed()

    @pages.post("/logout")
    def log_out() -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        response = make_response(redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER))
        services.sessions.end(response)
        return response

    @pages.errorhandler(psycopg.OperationalError)
    def database_unavailable(_error: Exception) -> ResponseReturnValue:  # pyright: ignore[reportUnusedFunction]
        return notice(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_UNAVAILABLE, headers={"Retry-After": "5"})

    return pages


def _log_in(services: LoginServices) -> ResponseReturnValue:
    # The form of the former release has no field for the name.
    address, name = request.remote_addr or "", request.form.get("name", SHARED_NAME).strip().lower()
    account = services.accounts.find(name)
    browser = services.known_browsers.presented(account)
    wait_seconds = services.attempts.wait_seconds(address, name=name, known_browser=browser)
    if wait_seconds:
        _log.warning("operator login refused: too many attempts", address=address)
        return notice(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"There were too many login attempts. Try again in {wait_seconds} seconds.",
            headers={"Retry-After": str(wait_seconds)},
        )
    try:
        with services.hashing.admitted():
            response = _checked_login(services, account, address)
            if response is None:
                services.failed_logins.record(account)
                _log.warning("operator login failed", address=address)
                time.sleep(WRONG_PASSWORD_PAUSE_SECONDS)
    except TooManyLogins:
        return notice(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "Several other logins are being checked. Try again in a moment.",
            headers={"Retry-After": "1"},
        )
    if response is None:
        return _form(error="The name or the password is not correct.", name=name), HTTPStatus.UNAUTHORIZED
    services.attempts.forget(address, name=name, known_browser=browser)
    _log.info("operator logged in", address=address, operator=name)
    return response


def _checked_login(services: LoginServices, account: Account | None, address: str) -> ResponseReturnValue | None:
    """Return the response that starts a session, or None if the name or the password is wrong."""
    password = request.form.get("password", "")
    if not services.accounts.is_password(account, password) or account is None:
        return None
    new_hash = services.accounts.new_hash(account, password)
    response = make_response(redirect("/rq/", HTTPStatus.SEE_OTHER))
    if not services.sessions.begin(response, account, login_address=address, new_hash=new_hash):
        return None  # the operator was removed or got another password at this moment
    services.known_browsers.remember(response, account, new_hash=new_hash)
    return response


def _form(*, error: str | None = None, name: str = "") -> str:
    return render_template("operator/login.html", title="Operator", error=error, name=name)


def _closed() -> ResponseReturnValue:
    return notice(HTTPStatus.SERVICE_UNAVAILABLE, CLOSED)
