"""What stands before every page of the dashboard: a session, our own origin, a fitting method, a possible address."""

from __future__ import annotations

import re
from http import HTTPStatus

import psycopg
from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from api.operator.notices import notice, wants_json
from api.operator.origin import SAFE_METHODS, is_cross_origin
from api.operator.session import Sessions

SHUT = "The operator pages are shut: no OPERATOR_PASSWORD is set."
DATABASE_AWAY = "The database does not answer, so nobody can be logged in or out now. Try again in a moment."
REGISTRIES = frozenset({"queued", "started", "deferred", "scheduled", "finished", "failed", "canceled"})
_LONGEST_PAGE = 500
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Guard:
    """The checks, each of which answers None to let the request pass."""

    def __init__(self, sessions: Sessions | None) -> None:
        self._sessions = sessions

    def check_dashboard(self) -> ResponseReturnValue | None:
        """Before a view of rq-dashboard."""
        if request.blueprint != "rq_dashboard":
            return None
        return self._check_session() or check_origin() or _check_method() or _check_address()

    def _check_session(self) -> ResponseReturnValue | None:
        if self._sessions is None:
            return notice(HTTPStatus.SERVICE_UNAVAILABLE, SHUT)
        try:
            if self._sessions.is_open():
                return None
        except psycopg.OperationalError:
            return notice(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_AWAY, headers={"Retry-After": "5"})
        if wants_json():
            return notice(HTTPStatus.UNAUTHORIZED, "Log in at /operator/login first.")
        return redirect(url_for("operator.login"), HTTPStatus.SEE_OTHER)


def check_origin() -> ResponseReturnValue | None:
    """Refuse what another site's page sends in the operator's name."""
    if is_cross_origin(request):
        return notice(HTTPStatus.FORBIDDEN, "This request came from another site's page.")
    return None


def _check_method() -> ResponseReturnValue | None:
    """A view that takes POST changes something, so it takes nothing else: rq-dashboard requeues all on a GET too."""
    methods = (request.url_rule and request.url_rule.methods) or set[str]()
    changing = methods - SAFE_METHODS
    if changing and request.method in SAFE_METHODS:
        allow = {"Allow": ", ".join(sorted(changing))}
        return notice(HTTPStatus.METHOD_NOT_ALLOWED, "This changes something: it takes a POST.", headers=allow)
    return None


def _check_address() -> ResponseReturnValue | None:
    """Refuse the addresses at which rq-dashboard would break, or write what it was given into a script."""
    parts = request.view_args or {}
    fits = (
        parts.get("instance_number", 0) == 0
        and _QUEUE_NAME.fullmatch(parts.get("queue_name") or "default") is not None
        and parts.get("registry_name", "queued") in REGISTRIES
        and parts.get("order", "asc") in ("asc", "dsc")
        and _is_number(parts.get("per_page", 1), least=1, most=_LONGEST_PAGE)
        and _is_number(parts.get("page", 1), least=0, most=10**9)
    )
    return None if fits else notice(HTTPStatus.NOT_FOUND, "There is no such page of the dashboard.")


def _is_number(given: int | str, *, least: int, most: int) -> bool:
    text = str(given)
    return text.isascii() and text.isdigit() and least <= int(text[:12]) <= most
