"""`flask set-limits`: sets how much a church may send in a day, and to which regions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.show_limits import describe
from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import RESTORE_DEFAULT, BadInput, ChurchId, DailySegments, Regions
from api.commands.support.transaction import transaction
from api.services import services
from store import audit, church_limits


@click.command("set-limits")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option(
    "--daily-segments", type=DailySegments(), help="Segments per day, or `default`. With 0 it can send no texts."
)
@click.option("--regions", type=Regions(), help="The regions it may text, such as US,CA,PR, or `default`.")
@with_appcontext
def set_limits(church_id: UUID, daily_segments: int | None, regions: tuple[str, ...] | None) -> None:
    """Set a church's daily limit and its regions.

    The daily limit is the most segments that it may send in a day; the regions are those that it may text.
    """
    if daily_segments is None and regions is None:
        raise BadInput("--daily-segments or --regions is missing. `flask show-limits` shows the current limits.")
    with transaction() as connection:
        if church_limits.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        if daily_segments is not None:
            limit = None if daily_segments == RESTORE_DEFAULT else daily_segments
            church_limits.set_daily_limit(connection, church_id=church_id, daily_limit=limit)
        if regions is not None:
            church_limits.set_regions(connection, church_id=church_id, regions=regions or None)
        limits = church_limits.get(connection, church_id)
        assert limits is not None  # noqa: S101 - it was found above
        audit.record(
            connection,
            actor=command_actor(),
            action="church.limits_set",
            subject=str(church_id),
            church_id=church_id,
            details=_changes(daily_segments, regions),
        )
    click.echo(describe(limits, services().settings))


def _changes(daily_segments: int | None, regions: tuple[str, ...] | None) -> dict[str, Any]:
    """Return what was set, for the audit; null stands for the default of the settings."""
    changes: dict[str, Any] = {}
    if daily_segments is not None:
        changes["dailySegments"] = None if daily_segments == RESTORE_DEFAULT else daily_segments
    if regions is not None:
        changes["regions"] = list(regions) or None
    return changes
