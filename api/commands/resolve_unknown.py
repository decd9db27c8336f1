"""`flask resolve-unknown`: lists deliveries in doubt, or resolves them."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.messages import daily_usage
from api.services import services
from channels.registry import CHANNELS
from store import audit, message_lifecycle, reconciliation
from store.daily_limits import LimitReached
from store.messages import Message
from store.reconciliation import MessageInDoubt, Resolution

_CHOICES: tuple[str, ...] = get_args(Resolution)


@click.command("resolve-unknown")
@click.option(
    "--as", "decision", type=click.Choice(_CHOICES), help="Their new status. Without it, they are only listed."
)
@click.option("--church", "church_id", type=ChurchId(), help="Only those of this church.")
@click.option("--message", "message_id", type=click.UUID, help="Only those of this message.")
@click.option("--channel", type=click.Choice(list(CHANNELS)), help="Only those of this channel.")
@click.option(
    "--unknown-for-minutes",
    "minutes",
    type=click.IntRange(min=0),
    default=60,
    show_default=True,
    help="Only those in doubt for at least this long. Newer ones may still be found at the carrier.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="With --as: those of every church, message and channel.",
)
@with_appcontext
def resolve_unknown(
    *,
    decision: str | None,
    church_id: UUID | None,
    message_id: UUID | None,
    channel: str | None,
    minutes: int,
    everything: bool,
) -> None:
    """List deliveries in doubt, or resolve them with --as.

    A delivery is in doubt (status `unknown`) when it is not known whether the carrier accepted it.

    \b
    --as sent    records that they were sent
    --as failed  records that they failed
    --as queued  sends them again; recipients who already have them get them twice
    """
    if decision is not None and not (church_id or message_id or channel or everything):
        raise BadInput("Select them with --church, --message or --channel, or use --all for those of every church.")
    least_seconds = 60.0 * minutes
    with transaction() as connection:
        found = reconciliation.list_in_doubt(
            connection, church_id=church_id, message_id=message_id, channel=channel, least_seconds=least_seconds
        )
    if not found:
        click.echo("No delivery is in doubt.")
        return
    resolved = 0
    for each in found:
        if decision is not None:
            resolved += _resolve(each, cast("Resolution", decision), least_seconds)
        click.echo(
            f"church {each.church_id}  message {each.message_id}  {each.channel}  "
            f"{each.deliveries} since {each.since:%Y-%m-%d %H:%M} UTC"
        )
    total = sum(each.deliveries for each in found)
    click.echo(f"{total} in doubt; resolve them with --as." if decision is None else f"{resolved} are {decision} now.")


def _resolve(in_doubt: MessageInDoubt, decision: Resolution, least_seconds: float) -> int:
    """Resolve the deliveries of one message in its own transaction, so that a long list does not block others."""
    with transaction() as connection:
        message = message_lifecycle.lock(connection, church_id=in_doubt.church_id, message_id=in_doubt.message_id)
        assert message is not None  # noqa: S101 - messages are never deleted
        resolved = reconciliation.resolve_all(
            connection,
            church_id=in_doubt.church_id,
            message_id=in_doubt.message_id,
            status=decision,
            least_seconds=least_seconds,
        )
        sends_again = resolved.deliveries > 0 and decision == "queued"
        if sends_again:
            message_lifecycle.reopen(connection, church_id=in_doubt.church_id, message_id=in_doubt.message_id)
            _count_against_limit(connection, message, church_id=in_doubt.church_id, segments=resolved.segments)
        if resolved.deliveries:
            audit.record(
                connection,
                actor=command_actor(),
                action="message.resolved",
                subject=str(in_doubt.message_id),
                church_id=in_doubt.church_id,
                details={"status": decision, "deliveries": resolved.deliveries},
            )
    if sends_again:
        services().job_queue.enqueue_batch(channel=in_doubt.channel, church_id=in_doubt.church_id)
    return resolved.deliveries


def _count_against_limit(connection: Connection[Any], message: Message, *, church_id: UUID, segments: int) -> None:
    """Count the segments of deliveries that are sent again against the church's limits."""
    try:
        daily_usage.reserve_again(connection, church_id=church_id, message=message, segments=segments)
    except LimitReached as error:
        raise click.ClickException(
            f"Message {message.message_id} is unchanged: {error}. "
            "`flask set-limits` raises the daily limit, `flask set-quota` the monthly quota."
        ) from None
