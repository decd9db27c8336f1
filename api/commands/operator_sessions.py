"""`flask operator sessions` and `flask operator end-session`."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from store import audit, operator_sessions


@click.command("sessions")
@click.argument("name", required=False)
@with_appcontext
def list_sessions(name: str | None) -> None:
    """List the open sessions of one operator, or of all."""
    with transaction() as connection:
        found = operator_sessions.list_sessions(connection, name=name)
    if not found:
        click.echo("There are no open sessions.")
        return
    print_table(
        ("SESSION ID", "OPERATOR", "SINCE", "UNTIL", "FROM"),
        [
            (
                str(session.session_id),
                session.name,
                shown_time(session.created_at),
                shown_time(session.expires_at),
                session.login_address or "?",
            )
            for session in found
        ],
    )


@click.command("end-session")
@click.argument("session_id", type=click.UUID, required=False)
@click.option("--all", "everything", is_flag=True, help="End every session of every operator.")
@with_appcontext
def end_session(session_id: UUID | None, everything: bool) -> None:
    """End a session, or with --all every session. Those who had it must log in again."""
    if (session_id is None) != everything:
        raise BadInput("Name one session by its id (`flask operator sessions` shows it), or use --all.")
    with transaction() as connection:
        found = operator_sessions.list_sessions(connection)
        wanted = [session for session in found if everything or session.session_id == session_id]
        for session in wanted:
            if operator_sessions.end(connection, session.session_id):
                audit.record(
                    connection,
                    actor=command_actor(),
                    action="operator.session_ended",
                    subject=session.name,
                    details={"sessionId": str(session.session_id)},
                )
    if not wanted and not everything:
        raise BadInput("There is no such open session.")
    click.echo(f"Sessions ended: {len(wanted)}.")
