"""`flask show-quota`: shows a church's monthly quota and how much of it is used."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.transaction import transaction
from store import monthly_quotas
from store.monthly_quotas import MonthlyQuota


@click.command("show-quota")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@with_appcontext
def show_quota(church_id: UUID) -> None:
    """Show a church's monthly quota and its use."""
    with transaction() as connection:
        found = monthly_quotas.get(connection, church_id)
    if found is None:
        raise BadInput(f"There is no church {church_id}.")
    click.echo(describe(found))


def describe(quota: MonthlyQuota) -> str:
    """Return the quota of a church, one fact per line."""
    lines = [
        f"Church:           {quota.name}",
        f"Monthly segments: {'no quota' if quota.quota is None else f'{quota.quota:,}'}",
        f"Counted:          {quota.counted:,} ({quota.month:%Y-%m} in {quota.time_zone})",
    ]
    if quota.quota is not None:
        lines.append(f"Left:             {max(0, quota.quota - quota.counted):,}")
    return "\n".join(lines)
