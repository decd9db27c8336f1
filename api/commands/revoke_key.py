"""`flask revoke-key`: revokes an API key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api.commands.support.command_actor import command_actor
from api.commands.support.key_input import read_secret_hash, refuse_key_argument
from api.commands.support.option_types import BadInput
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from store import api_keys, audit
from store.api_keys import ApiKey


@click.command("revoke-key")
@click.argument("key_id", required=False)
@with_appcontext
def revoke_key(key_id: str | None) -> None:
    """Revoke an API key.

    Pass its id (see list-keys). Without an id, the command reads the key itself, or its SHA-256, from a prompt or from
    standard input.

    Every process refuses the key from the next request on. Messages that were accepted with it are still sent: list
    them with GET /api/messages, and cancel them with POST /api/messages/ID/cancel. Revoking a key twice has no effect.
    """
    refuse_key_argument(key_id)
    wanted = _id(key_id) if key_id is not None else read_secret_hash()
    with transaction() as connection:
        key = _find(connection, wanted)
        if key is None:
            raise BadInput("There is no such key. `flask list-keys` shows the ids of all keys.")
        is_new = api_keys.revoke(connection, key.api_key_id)
        if is_new:
            audit.record(
                connection,
                actor=command_actor(),
                action="key.revoked",
                subject=str(key.api_key_id),
                church_id=key.church_id,
                details={"label": key.label},
            )
    if is_new:
        click.echo(f"The key {key.api_key_id} ({key.label!r} of {key.church_name!r}) is revoked.")
    else:
        click.echo(f"The key {key.api_key_id} was already revoked: {shown_time(key.revoked_at, missing='just now')}.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput("The key's id must be a UUID. `flask list-keys` shows the ids of all keys.") from None


def _find(connection: Connection[Any], wanted: UUID | bytes) -> ApiKey | None:
    return api_keys.get(connection, wanted) if isinstance(wanted, UUID) else api_keys.find(connection, wanted)
