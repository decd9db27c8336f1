"""`flask create-key`: creates another API key for a church."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import click
from flask.cli import with_appcontext

from api import keys
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId, Expiry, Text
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from store import api_keys, audit, churches


@click.command("create-key")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--label", type=Text(), required=True, help="What the key is for.")
@click.option(
    "--scope", "scopes", multiple=True, help=f"One of {', '.join(keys.SCOPES)}. May be repeated (default: all)."
)
@click.option(
    "--expires",
    type=Expiry(),
    help="A date such as 2027-01-01 (UTC), or a number of days such as 90d (default: never).",
)
@with_appcontext
def create_key(church_id: UUID, label: str, scopes: tuple[str, ...], expires: datetime | None) -> None:
    """Create an API key for a church, and print it. The key cannot be shown again."""
    if unknown := set(scopes) - set(keys.SCOPES):
        raise BadInput(f"--scope {', '.join(sorted(unknown))} does not exist. The scopes are {', '.join(keys.SCOPES)}.")
    granted = [scope for scope in keys.SCOPES if not scopes or scope in scopes]
    key, key_hash = keys.new_key()
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        key_id = api_keys.add(
            connection,
            church_id=church_id,
            label=label,
            secret_hash=key_hash,
            scopes=granted,
            hint=keys.hint_of(key),
            expires_at=expires,
        )
        audit.record(
            connection,
            actor=command_actor(),
            action="key.created",
            subject=str(key_id),
            church_id=church_id,
            details={"label": label, "scopes": granted, "expiresAt": expires and expires.isoformat()},
        )
    click.echo(f"Key id:  {key_id}")
    click.echo(f"API key: {key}")
    click.echo(f"Scopes:  {', '.join(granted)}")
    click.echo(f"Expires: {'never' if expires is None else shown_time(expires)}")
    click.echo("Save the key now. Only its hash is stored, so it cannot be shown again.")
