"""Checks every request to a page that needs a login: its session, its origin, its method, and its path."""

from __future__ import annotations

import re
from http import HTTPStatus

import psycopg
from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from api.operator.accounts import Accounts
from api.operator.notices import notice, wants_json
from api.operator.origin import SAFE_METHODS, is_cross_origin
from api.operator.session import Sessions
from store.operator_sessions import OperatorSession

CLOSED = (
    "The operator's pages are closed, because there are no operators and OPERATOR_PASSWORD is not set. Add an operator "
    "with `flask operator add NAME`."
)
DATABASE_UNAVAILABLE = "The database does not answer, so your login cannot be checked now. Try again in a moment."
REGISTRIES = frozenset({"queued", "started", "deferred", "scheduled", "finished", "failed", "canceled"})
_MAX_PER_PAGE = 500
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Guard:
    """Each check returns None if the request may continue, otherwise the response that refuses it."""

    def __init__(self, accounts: Accounts, sessions: Sessions) -> None:
        self._accounts = accounts
        self._sessions = sessions

    def check(self) -> ResponseReturnValue | None:
        """Check a request before a view of rq-dashboard or of the sessions runs. Other requests pass."""
        if request.blueprint == "operator_sessions":
            return self._check_session() or check_origin()
        if request.blueprint == "rq_dashboard":
            return self._check_session() or check_origin() or _check_method() or _check_path()
        return None

    def _check_session(self) -> ResponseReturnValue | None:
        try:
            g.operator_session = self._sessions.current()
            if g.operator_session is not None:
                return None
            if not self._accounts.exist():
                return notice(HTTPStatus.SERVICE_UNAVAILABLE, CLOSED)
        except psycopg.OperationalError:
            return notice(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_UNAVAILABLE, headers={"Retry-After": "5"})
        if wants_json():
            return notice(HTTPStatus.UNAUTHORIZED, "Log in at /operator/login first.")
        return redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER)


def acting_session() -> OperatorSession:
    """Return the session of the request. Only for views of pages that need a login."""
    return g.operator_session


def check_origin() -> ResponseReturnValue | None:
    """Refuse a request that another site's page makes the operator's browser send."""
    if is_cross_origin(request):
        return notice(HTTPStatus.FORBIDDEN, "This request came from a page of another site, so it was refused.")
    return None


def _check_method() -> ResponseReturnValue | None:
    """Refuse GET for views that change something. rq-dashboard itself would also requeue all jobs on a GET."""
    methods = (request.url_rule and request.url_rule.methods) or set[str]()
    changing = methods - SAFE_METHODS
    if changing and request.method in SAFE_METHODS:
        allow = {"Allow": ", ".join(sorted(changing))}
        return notice(
            HTTPStatus.METHOD_NOT_ALLOWED, "This address changes something, so it accepts only POST.", headers=allow
        )
    return None


def _check_path() -> ResponseReturnValue | None:
    """Refuse paths at which rq-dashboard would fail, or would write a part of the path into a script."""
    parts = request.view_args or {}
    is_valid = (
        parts.get("instance_number", 0) == 0
        and _QUEUE_NAME.fullmatch(parts.get("queue_name") or "default") is not None
        and parts.get("registry_name", "queued") in REGISTRIES
        and parts.get("order", "asc") in ("asc", "dsc")
        and _is_number(parts.get("per_page", 1), least=1, most=_MAX_PER_PAGE)
        and _is_number(parts.get("page", 1), least=0, most=10**9)
    )
    return None if is_valid else notice(HTTPStatus.NOT_FOUND, "There is no such page of the dashboard.")


def _is_number(value: int | str, *, least: int, most: int) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and least <= int(text[:12]) <= most
