"""The page on which operators see their own sessions and end them."""

from __future__ import annotations

from datetime import UTC
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from api.operator.guard import acting_session
from api.operator.notices import notice
from api.services import services
from store import audit, operator_sessions
from store.database import system_scope

session_pages = Blueprint("operator_sessions", __name__, url_prefix="/operator/sessions", template_folder="templates")
"""Guard.check() has found the session of each request before its view runs."""


@session_pages.get("/")
def show() -> ResponseReturnValue:
    """Show the operator's open sessions, with a button for each that ends it."""
    own = acting_session()
    with system_scope(services(current_app).database) as connection:
        found = operator_sessions.list_sessions(connection, name=own.name)
    return render_template("operator/sessions.html", title="Your sessions", sessions=found, own=own, utc=UTC)


@session_pages.post("/<uuid:session_id>/end")
def end(session_id: UUID) -> ResponseReturnValue:
    """End one of the operator's sessions. Another operator's is not found."""
    own = acting_session()
    with system_scope(services(current_app).database) as connection:
        listed = {session.session_id for session in operator_sessions.list_sessions(connection, name=own.name)}
        if session_id not in listed or not operator_sessions.end(connection, session_id):
            return notice(HTTPStatus.NOT_FOUND, "You have no such session. It may have ended already.")
        audit.record(
            connection,
            actor=own.actor,
            action="operator.session_ended",
            subject=own.name,
            details={"sessionId": str(session_id)},
        )
    return redirect(url_for("operator_sessions.show"), HTTPStatus.SEE_OTHER)


@session_pages.post("/end-others")
def end_others() -> ResponseReturnValue:
    """End all of the operator's sessions but this one."""
    own = acting_session()
    with system_scope(services(current_app).database) as connection:
        ended = operator_sessions.end_all_of(connection, own.operator_id, kept=own.session_id)
        if ended:
            audit.record(
                connection,
                actor=own.actor,
                action="operator.session_ended",
                subject=own.name,
                details={"sessions": ended},
            )
    return redirect(url_for("operator_sessions.show"), HTTPStatus.SEE_OTHER)
