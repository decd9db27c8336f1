"""`flask church list`: all churches, with what an operator looks for first."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from api.commands.support.json_output import as_json_option, print_json
from api.commands.support.tables import print_table, shown_time
from api.commands.support.transaction import transaction
from store import church_overview
from store.church_overview import ListedChurch

_HEADINGS = ("CHURCH ID", "NAME", "SENDERS", "PAUSED", "SUSPENDED", "SEGMENTS TODAY", "LAST MESSAGE")


@click.command("list")
@click.option("--name", help="Only churches whose name contains this.")
@click.option("--paused", "only_paused", is_flag=True, help="Only churches with a paused sender.")
@click.option("--suspended", "only_suspended", is_flag=True, help="Only suspended churches.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The most that are shown."
)
@as_json_option
@with_appcontext
def list_churches(name: str | None, only_paused: bool, only_suspended: bool, limit: int, as_json: bool) -> None:
    """List churches, and what is paused or suspended.

    The segments are those counted against the daily limit today, by each church's own calendar.
    """
    with transaction() as connection:
        found = church_overview.list_churches(
            connection, name=name, only_paused=only_paused, only_suspended=only_suspended, limit=limit
        )
    total = found[0].found if found else 0
    if as_json:
        print_json({"found": total, "churches": [_without_found(each) for each in found]})
        return
    if not found:
        click.echo("No church matches." if name or only_paused or only_suspended else "There is no church yet.")
        return
    print_table(_HEADINGS, [_row(each) for each in found])
    if total > len(found):
        click.echo(f"{len(found):,} of {total:,} churches: --limit shows more, --name selects.")


def _row(church: ListedChurch) -> tuple[str, ...]:
    return (
        str(church.church_id),
        church.name,
        ",".join(church.channels) or "none",
        ",".join(church.paused_channels) or "-",
        shown_time(church.suspended_at, missing="-"),
        f"{church.segments_today:,}",
        shown_time(church.last_message_at, missing="never"),
    )


def _without_found(church: ListedChurch) -> dict[str, object]:
    return {
        "churchId": church.church_id,
        "name": church.name,
        "senders": church.channels,
        "pausedSenders": church.paused_channels,
        "suspendedAt": church.suspended_at,
        "segmentsToday": church.segments_today,
        "lastMessageAt": church.last_message_at,
    }
