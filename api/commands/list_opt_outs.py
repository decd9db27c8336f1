"""`flask list-opt-outs`: lists the addresses to which a church sends nothing, and their history."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import Address, BadInput, ChurchId
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from store import churches, opt_outs
from store.opt_outs import ConsentEvent


@click.command("list-opt-outs")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--address", type=Address(), help="Only this number or e-mail address.")
@click.option("--history", is_flag=True, help="List every opt-out and opt-in with its evidence, including past ones.")
@with_appcontext
def list_opt_outs(church_id: UUID, address: str | None, history: bool) -> None:
    """List the addresses to which a church sends nothing.

    An address is a phone number or an e-mail address. An opt-out of the source `carrier (+12025550123)` applies to that
    sender of the church only.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        if history:
            rows = [
                (
                    event.address,
                    event.event,
                    _shown_source(event.source, event.sender),
                    shown_time(event.happened_at),
                    event.channel or "-",
                    _recorded_by(event),
                    event.evidence or "-",
                )
                for event in opt_outs.history(connection, church_id=church_id, address=address)
            ]
        else:
            rows = [
                (found.address, _shown_source(found.source, found.sender), shown_time(found.opted_out_at))
                for found in opt_outs.list_opt_outs(connection, church_id=church_id, address=address)
            ]
    if rows:
        print_table(
            ("ADDRESS", "EVENT", "SOURCE", "AT", "CHANNEL", "RECORDED BY", "EVIDENCE")
            if history
            else ("ADDRESS", "SOURCE", "SINCE"),
            rows,
        )
    else:
        click.echo("There are no opt-outs or opt-ins." if history else "Nobody is opted out.")


def _shown_source(source: str, sender: str | None) -> str:
    return source if sender is None else f"{source} ({sender})"


def _recorded_by(event: ConsentEvent) -> str:
    """Return who recorded it; `the person` for what a keyword or a link said, `-` when it is not known."""
    if event.actor is not None:
        return f"{event.actor_kind} {event.actor_label or event.actor}"
    return "the person" if event.source in (opt_outs.KEYWORD, opt_outs.UNSUBSCRIBE_LINK) else "-"
