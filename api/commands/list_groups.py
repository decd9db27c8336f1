"""`flask list-groups`: lists the groups of a church, with their members and with what needs them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.tables import print_table
from api.commands.support.transaction import transaction
from messaging.group_conditions import parse_condition
from store import churches, groups, references, smart_groups
from store.groups import Group

_MOST = 10_000


@click.command("list-groups")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@with_appcontext
def list_groups(church_id: UUID) -> None:
    """List the groups of a church.

    Shows how many members each has now, what needs it so that it cannot be deleted, and the condition of a smart group.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        found = groups.page(connection, church_id=church_id, after=None, limit=_MOST)
        rows = [_row(connection, church_id, group) for group in found]
    if rows:
        print_table(("GROUP ID", "NAME", "MEMBERS", "NEEDED BY", "CONDITION"), rows)
    else:
        click.echo("The church has no groups.")


def _row(connection: Connection[Any], church_id: UUID, group: Group) -> tuple[str, ...]:
    if group.condition is None:
        members = groups.count_members(connection, [group.group_id])[group.group_id]
    else:
        condition = parse_condition(group.condition)
        members = smart_groups.count(connection, church_id=church_id, condition=condition)
    needing = references.find_of_group(connection, church_id=church_id, group_id=group.group_id)
    return (
        str(group.group_id),
        group.name,
        f"{members:,}",
        ", ".join(f"{each.kind} {each.reference_id}" for each in needing) or "-",
        "-" if group.condition is None else json.dumps(group.condition, ensure_ascii=False),
    )
