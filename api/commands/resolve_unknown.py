"""`flask resolve-unknown`: list deliveries in doubt, or decide them all at once."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg import Connection

from api.commands.arguments import BadInput, ChurchId
from api.commands.ledger import ledger
from api.messages import limits
from api.services import services
from channels.registry import CHANNELS
from store import message_lifecycle, reconciliation
from store.daily_limits import DailyLimitReached
from store.messages import Message
from store.reconciliation import MessageInDoubt, Resolution

_CHOICES: tuple[str, ...] = get_args(Resolution)


@click.command("resolve-unknown")
@click.option("--as", "decision", type=click.Choice(_CHOICES), help="What they become. Absent: they are only listed.")
@click.option("--church", type=ChurchId(), help="Only this church's.")
@click.option("--message", type=click.UUID, help="Only this message's.")
@click.option("--channel", type=click.Choice(list(CHANNELS)), help="Only this channel's.")
@click.option(
    "--unknown-for-minutes",
    "minutes",
    type=click.IntRange(min=0),
    default=60,
    show_default=True,
    help="Only those in doubt for so long: the carrier is still being asked about younger ones.",
)
@click.option("--all", "everything", is_flag=True, help="Needed to decide without --church, --message or --channel.")
@with_appcontext
def resolve_unknown(
    *,
    decision: str | None,
    church: UUID | None,
    message: UUID | None,
    channel: str | None,
    minutes: int,
    everything: bool,
) -> None:
    """List deliveries of which nobody knows whether they were sent, and decide them with --as.

    "sent": the recipients have them. "failed": give them up. "queued": send them, again if they had arrived.
    """
    if decision is not None and not (church or message or channel or everything):
        raise BadInput("Say which with --church, --message or --channel, or --all for those of every church.")
    least_seconds = 60.0 * minutes
    with ledger() as connection:
        found = reconciliation.list_in_doubt(
            connection, church_id=church, message_id=message, channel=channel, least_seconds=least_seconds
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
    click.echo(f"{total} in doubt; decide them with --as." if decision is None else f"{resolved} are {decision} now.")


def _resolve(doubtful: MessageInDoubt, decision: Resolution, least_seconds: float) -> int:
    """Decide one message's, in a transaction of its own: a long list holds nobody up, and may be broken off."""
    with ledger() as connection:
        message = message_lifecycle.lock(connection, church_id=doubtful.church_id, message_id=doubtful.message_id)
        assert message is not None  # noqa: S101 - messages are never deleted
        resolved = reconciliation.resolve_all(
            connection,
            church_id=doubtful.church_id,
            message_id=doubtful.message_id,
            status=decision,
            least_seconds=least_seconds,
        )
        sends_again = resolved > 0 and decision == "queued"
        if sends_again:
            message_lifecycle.reopen(connection, church_id=doubtful.church_id, message_id=doubtful.message_id)
            _count(connection, message, church_id=doubtful.church_id, deliveries=resolved)
    if sends_again:
        services().job_queue.enqueue_batch(channel=doubtful.channel, church_id=doubtful.church_id)
    return resolved


def _count(connection: Connection[Any], message: Message, *, church_id: UUID, deliveries: int) -> None:
    """What is sent again counts against the church's daily limit."""
    try:
        limits.reserve_again(connection, church_id=church_id, message=message, deliveries=deliveries)
    except DailyLimitReached as error:
        raise click.ClickException(
            f"Message {message.message_id} is left as it was: {error}. `flask set-limits` raises the limit."
        ) from None
