"""`flask person export` and `flask person erase`: what is stored about one person, and its removal."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

import click
import psycopg
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import Address, BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.people import erasing, exporting
from api.services import services
from store import churches

_CHURCH = click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
_ADDRESSES = click.argument("addresses", metavar="ADDRESS...", type=Address(), nargs=-1, required=True)


@click.group()
def person() -> None:
    """Export or erase what a church has stored about one person.

    Each command takes all phone numbers (such as +12025550123) and e-mail addresses of the person.
    """


@person.command("export")
@_CHURCH
@_ADDRESSES
@with_appcontext
def export_person(church_id: UUID, addresses: tuple[str, ...]) -> None:
    """Print everything that is stored about a person, as JSON.

    Contacts, opt-outs and their history, and the messages that were sent. The export is recorded in the audit.
    """
    _require_church(church_id)
    with _one_line_errors():
        found = exporting.export(services().database, church_id=church_id, addresses=addresses, actor=command_actor())
    click.echo(found.model_dump_json(by_alias=True, indent=2))


@person.command("erase")
@_CHURCH
@_ADDRESSES
@with_appcontext
def erase_person(church_id: UUID, addresses: tuple[str, ...]) -> None:
    """Remove a person from contacts, messages, schedules and deliveries.

    Counts stay. Opt-outs and their history stay, so that the person is not contacted again. Ends with status 1 if a
    delivery to the person is being submitted or in doubt: run the command again later.
    """
    _require_church(church_id)
    with _one_line_errors():
        erased = erasing.erase(services().database, church_id=church_id, addresses=addresses, actor=command_actor())
    click.echo(
        f"Deleted contacts: {erased.contacts}. Address removed from deliveries: {erased.deliveries} "
        f"({erased.stopped} of them were queued and are not sent), from schedules: {erased.schedules}. "
        f"Messages that the person wrote, now without text and number: {erased.inbound_messages}."
    )
    if erased.other_addresses:
        click.echo(f"Deleted contacts also had: {', '.join(erased.other_addresses)}. Erase those as well.")
    for address in sorted(set(addresses) - set(erased.opted_out)):
        click.echo(
            f"{address} is not opted out: if it is stored again, it gets messages. `flask opt-out` prevents that."
        )
    if erased.unfinished:
        raise click.ClickException(
            f"{erased.unfinished} deliveries are being submitted or in doubt and keep the address. Run the command "
            "again in some minutes; `flask resolve-unknown` resolves what stays in doubt."
        )


def _require_church(church_id: UUID) -> None:
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")


@contextmanager
def _one_line_errors() -> Generator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        raise click.ClickException(
            "The database is too busy or was lost. Part may have been done: run the command again."
        ) from error
