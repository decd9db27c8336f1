"""`flask find-key`: finds the church of a leaked key."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from api.commands.list_keys import print_keys
from api.commands.support.key_input import read_secret_hash, refuse_key_argument
from api.commands.support.option_types import BadInput
from api.commands.support.transaction import transaction
from store import api_keys


@click.command("find-key")
@click.argument("argument", required=False, metavar="")
@with_appcontext
def find_key(argument: str | None) -> None:
    """Find which church an API key belongs to.

    The command reads the key, or its SHA-256 in hexadecimal, from a prompt or from standard input.
    """
    refuse_key_argument(argument)
    if argument is not None:
        raise BadInput("This command takes no argument. Pass the key, or its SHA-256, on standard input.")
    secret_hash = read_secret_hash()
    with transaction() as connection:
        found = api_keys.find(connection, secret_hash)
    if found is None:
        raise BadInput("No key of this service matches.")
    print_keys([found])
