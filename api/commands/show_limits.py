"""`flask show-limits`: shows a church's daily limit, how much of it is used today, and its regions."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.services import services
from settings import Settings
from store import church_limits
from store.church_limits import ChurchLimits


@click.command("show-limits")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@with_appcontext
def show_limits(church_id: UUID) -> None:
    """Show a church's daily limit and its regions.

    Also shows how much of the limit is used today.
    """
    with transaction() as connection:
        limits = church_limits.get(connection, church_id)
    if limits is None:
        raise BadInput(f"There is no church {church_id}.")
    click.echo(describe(limits, services().settings))


def describe(limits: ChurchLimits, settings: Settings) -> str:
    """Return the limits of a church, one per line."""
    own_limit, own_regions = limits.daily_segment_limit, limits.regions
    most = settings.daily_segment_limit if own_limit is None else own_limit
    regions = ",".join(own_regions or settings.default_regions)
    return "\n".join(
        (
            f"Church:         {limits.name}",
            f"Daily segments: {most:,}" + (" (default)" if own_limit is None else ""),
            f"Counted today:  {limits.counted:,} ({limits.day.isoformat()} in {limits.time_zone})",
            f"Regions:        {regions}" + (" (default)" if own_regions is None else ""),
        )
    )
