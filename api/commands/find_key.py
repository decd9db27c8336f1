"""`flask find-key`: whose key this is, for one that was found where it should not be."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from api.commands.arguments import BadInput
from api.commands.key_input import read_secret_hash, refuse_key_argument
from api.commands.ledger import ledger
from api.commands.list_keys import print_keys
from store import api_keys


@click.command("find-key")
@click.argument("argument", required=False, metavar="")
@with_appcontext
def find_key(argument: str | None) -> None:
    """Find a key by itself, or by its SHA-256 in hexadecimal, given when asked or on standard input."""
    refuse_key_argument(argument)
    if argument is not None:
        raise BadInput("This command takes no argument: give the key, or its SHA-256, on standard input.")
    secret_hash = read_secret_hash()
    with ledger() as connection:
        found = api_keys.find(connection, secret_hash)
    if found is None:
        raise BadInput("It is no key of this service.")
    print_keys([found])
