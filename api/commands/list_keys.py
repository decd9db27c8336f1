"""`flask list-keys`: lists API keys."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from store import api_keys, churches
from store.api_keys import ApiKey

_HEADINGS = ("KEY ID", "ENDS IN", "LABEL", "CHURCH", "CREATED", "EXPIRES", "REVOKED", "LAST USED", "SCOPES")


@click.command("list-keys")
@click.option("--church", "church_id", type=ChurchId(), help="Only the keys of this church (default: all).")
@with_appcontext
def list_keys(church_id: UUID | None) -> None:
    """List API keys, including revoked and expired ones.

    Only their hashes are stored, so the keys themselves cannot be shown.
    """
    with transaction() as connection:
        if church_id is not None and churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        found = api_keys.list_keys(connection, church_id=church_id)
    print_keys(found)


def print_keys(keys: Iterable[ApiKey]) -> None:
    print_table(_HEADINGS, [_row(key) for key in keys])


def _row(key: ApiKey) -> tuple[str, ...]:
    return (
        str(key.api_key_id),
        "?" if key.hint is None else f"…{key.hint}",
        key.label,
        f"{key.church_id} {key.church_name}",
        shown_time(key.created_at),
        shown_time(key.expires_at, missing="-"),
        shown_time(key.revoked_at, missing="-"),
        shown_time(key.last_used_at, missing="never"),
        ",".join(key.scopes),
    )
