"""`flask opt-out`: stops everything that a church sends to one number or e-mail address."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import Address, BadInput, ChurchId, Evidence
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from store import audit, churches, opt_outs


@click.command("opt-out")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--address", type=Address(), required=True, help="The number, such as +12025550123, or e-mail address.")
@click.option("--evidence", type=Evidence(), help="How the person asked for it. It is stored.")
@with_appcontext
def opt_out(church_id: UUID, address: str, evidence: str | None) -> None:
    """Stop sending to a number or an e-mail address.

    This applies to one church, and also to deliveries that are already queued.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        actor = command_actor()
        is_new = opt_outs.opt_out(
            connection,
            church_id=church_id,
            address=address,
            source=opt_outs.COMMAND,
            evidence=evidence,
            actor=actor,
        )
        if is_new:
            audit.record(
                connection,
                actor=actor,
                action="opt_out.added",
                subject=address,
                church_id=church_id,
            )
        existing = opt_outs.get(connection, church_id=church_id, address=address)
    if is_new:
        click.echo(f"{address} is opted out: the church sends nothing more there.")
    elif existing is not None:
        click.echo(f"{address} was already opted out ({existing.source}, {shown_time(existing.opted_out_at)}).")
