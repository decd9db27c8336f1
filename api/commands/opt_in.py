"""`flask opt-in`: removes an opt-out or a bounce, and stores the evidence."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import Address, BadInput, ChurchId, Evidence
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from store import audit, churches, opt_outs


@click.command("opt-in")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--address", type=Address(), required=True, help="The number, such as +12025550123, or e-mail address.")
@click.option(
    "--evidence",
    type=Evidence(),
    required=True,
    help="How the person asked for it, or why e-mails no longer bounce. It is stored.",
)
@with_appcontext
def opt_in(church_id: UUID, address: str, evidence: str) -> None:
    """Remove an opt-out or a bounce.

    The church sends to the address again. This also applies to deliveries that are already queued.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        actor = command_actor()
        removed = opt_outs.opt_in(
            connection,
            church_id=church_id,
            address=address,
            source=opt_outs.COMMAND,
            evidence=evidence,
            actor=actor,
        )
        if removed is not None:
            audit.record(
                connection,
                actor=actor,
                action="opt_out.removed",
                subject=address,
                church_id=church_id,
            )
    if removed is None:
        click.echo(f"{address} is not opted out. Nothing was changed.")
        return
    since = shown_time(removed.opted_out_at)
    click.echo(f"{address} is no longer opted out ({removed.source}, {since}): the church sends there again.")
    if removed.source in (opt_outs.CARRIER, opt_outs.KEYWORD):
        click.echo(
            "The carrier has its own list: it refuses texts until the person sends START to the church's number."
        )
