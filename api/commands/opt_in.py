"""`flask opt-in`: lift an opt-out or a bounce, with the reason kept."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.arguments import Address, BadInput, ChurchId, Evidence
from api.commands.ledger import ledger
from api.commands.opt_out import SOURCE
from api.commands.tables import shown_time
from store import churches, opt_outs


@click.command("opt-in")
@click.option("--church", type=ChurchId(), required=True, help="The church's id.")
@click.option("--address", type=Address(), required=True, help="The number, such as +12025550123, or e-mail address.")
@click.option(
    "--evidence",
    type=Evidence(),
    required=True,
    help="How the person asked for it, or why the bounce is over. It is kept.",
)
@with_appcontext
def opt_in(church: UUID, address: str, evidence: str) -> None:
    """Lift an opt-out or a bounce: the church sends there again, from the next message on and to what is queued."""
    with ledger() as connection:
        if churches.get(connection, church) is None:
            raise BadInput(f"There is no church {church}.")
        lifted = opt_outs.opt_in(connection, church_id=church, address=address, source=SOURCE, evidence=evidence)
    if lifted is None:
        click.echo(f"{address} is not opted out: nothing was changed.")
        return
    since = shown_time(lifted.opted_out_at)
    click.echo(f"{address} is no longer opted out ({lifted.source}, {since}): the church sends there again.")
    if lifted.source == "carrier":
        click.echo("The carrier keeps a list of its own: it refuses texts until the person sends START to the number.")
