"""`flask church suspend`: stops everything that a church sends."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId, Text
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from store import audit, churches, suspensions


@click.command("suspend")
@click.argument("church_id", type=ChurchId())
@click.option("--reason", type=Text(), required=True, help="Why. Operators see it, the church does not.")
@with_appcontext
def suspend_church(church_id: UUID, reason: str) -> None:
    """Stop everything that a church sends.

    It stays suspended until `flask church resume`. From the next claim on nothing is submitted; what the carrier has
    already still arrives. New messages and schedules are refused (403 `church-suspended`), and runs of its schedules
    are recorded as skipped. Its keys can still read, callbacks are applied, and people can opt out. Resuming a sender,
    setting one, or requeuing a job does not lift the suspension.
    """
    with transaction() as connection:
        church = churches.get(connection, church_id)
        if church is None:
            raise BadInput(f"There is no church {church_id}.")
        is_new = suspensions.suspend(connection, church_id, reason=reason)
        present = suspensions.get(connection, church_id)
        if is_new:
            audit.record(
                connection,
                actor=command_actor(),
                action="church.suspended",
                subject=str(church_id),
                church_id=church_id,
                details={"reason": reason},
            )
    if present is None:  # resumed by another operator at this moment
        click.echo(f"{church.name} was resumed meanwhile. Nothing was changed.")
    elif is_new:
        click.echo(f"{church.name} is suspended: nothing more is sent for it.")
        click.echo(f"To end the suspension: flask church resume {church_id}")
    else:
        click.echo(f"{church.name} has been suspended since {shown_time(present.suspended_at)} ({present.reason}).")
