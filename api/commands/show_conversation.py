"""`flask show-conversation`: what one number wrote to a church and got from it, without the texts."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import Address, BadInput, ChurchId
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from api.conversations.views import CHANNEL
from logs import mask_addresses
from store import churches, conversations, opt_outs
from store.conversations import Text

_LATEST = 50


@click.command("show-conversation")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--address", type=Address(), required=True, help="The number, such as +12025550123.")
@with_appcontext
def show_conversation(church_id: UUID, address: str) -> None:
    """Show what a number wrote to a church and got from it.

    The latest 50, newest first: when, which way, what the service understood, and how far it has got. Texts are not
    shown: they are the church's.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        found = conversations.find_by_address(connection, church_id=church_id, address=address)
        history = conversations.history(
            connection,
            church_id=church_id,
            address=address,
            conversation_id=found.conversation_id if found else None,
            limit=_LATEST,
        )
        opt_out = opt_outs.get_holding(connection, church_id=church_id, address=address, channel=CHANNEL)
    shown = mask_addresses(address)
    if opt_out is None:
        click.echo(f"{shown} is not opted out.")
    else:
        of = mask_addresses(opt_out.sender or "the church")
        click.echo(f"{shown} is opted out of {of} ({opt_out.source}, {shown_time(opt_out.opted_out_at)}).")
    if history.texts:
        print_table(
            ("AT", "KIND", "CHANNEL", "STATUS OR KEYWORD", "REASON", "ID"), [_row(text) for text in history.texts]
        )
    else:
        click.echo("It wrote nothing and got nothing lately.")


def _row(text: Text) -> tuple[str, ...]:
    state = text.status or text.keyword or ("read" if text.read_at else "unread")
    return (shown_time(text.shown_at), text.kind, text.channel, state, text.reason or "-", str(text.id))
