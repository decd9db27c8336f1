"""`flask set-quota`: sets how many segments a church may send in a month."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.show_quota import describe
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import NO_QUOTA, BadInput, ChurchId, MonthlySegments
from api.commands.support.transaction import transaction
from store import monthly_quotas


@click.command("set-quota")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option(
    "--monthly-segments",
    type=MonthlySegments(),
    required=True,
    help="Segments per month of the church's calendar, or `none`. With 0 it can send no texts.",
)
@with_appcontext
def set_quota(church_id: UUID, monthly_segments: int) -> None:
    """Set or remove a church's monthly quota.

    Segments count as for the daily limit. Messages that are accepted already are sent as far as the quota allows.
    """
    quota = None if monthly_segments == NO_QUOTA else monthly_segments
    with transaction() as connection:
        changed = monthly_quotas.set_quota(connection, church_id=church_id, quota=quota, actor=command_actor())
        if changed is None:
            raise BadInput(f"There is no church {church_id}.")
    click.echo(describe(changed))
