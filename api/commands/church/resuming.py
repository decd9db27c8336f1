"""`flask church resume`: ends the suspension of a church."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.tables import shown_time
from api.commands.support.transaction import transaction
from api.services import services
from store import audit, church_overview, churches, suspensions
from store.church_overview import SenderState
from store.suspensions import Waiting


@click.command("resume")
@click.argument("church_id", type=ChurchId())
@with_appcontext
def resume_church(church_id: UUID) -> None:
    """End the suspension of a church. What waited is sent now.

    Deliveries that are older than RETRY_AGE_SECONDS (a day by default) are not sent: they fail as too late, as after
    any other pause. POST /api/messages/ID/retry-failed sends them nevertheless. Senders that the carrier refused stay
    paused.
    """
    age_limit_seconds = services().settings.retry_age_seconds
    with transaction() as connection:
        church = churches.get(connection, church_id)
        if church is None:
            raise BadInput(f"There is no church {church_id}.")
        resumed = suspensions.resume(connection, church_id)
        if resumed is None:
            click.echo(f"{church.name} is not suspended: there is nothing to resume.")
            return
        suspension, channels = resumed
        waiting = suspensions.count_waiting(connection, church_id, age_limit_seconds=age_limit_seconds)
        senders = church_overview.list_senders(connection, church_id)
        audit.record(
            connection,
            actor=command_actor(),
            action="church.resumed",
            subject=str(church_id),
            church_id=church_id,
            details={"suspendedAt": suspension.suspended_at.isoformat(), "reason": suspension.reason},
        )
    for channel in channels:
        services().job_queue.enqueue_batch(channel=channel, church_id=church_id)
    click.echo(
        f"{church.name} is no longer suspended (since {shown_time(suspension.suspended_at)}: {suspension.reason})."
    )
    _echo_waiting(waiting, age_limit_seconds)
    _echo_paused(senders, church_id)


def _echo_waiting(waiting: Waiting, age_limit_seconds: float) -> None:
    if not waiting.due:
        click.echo("No delivery was waiting.")
        return
    click.echo(f"{waiting.due:,} deliveries were waiting: {waiting.due - waiting.too_late:,} are sent now.")
    if waiting.too_late:
        click.echo(
            f"{waiting.too_late:,} are older than {age_limit_seconds / 3600:g} hours and fail as too late; "
            "POST /api/messages/ID/retry-failed sends them nevertheless."
        )


def _echo_paused(senders: list[SenderState], church_id: UUID) -> None:
    for sender in senders:
        if sender.paused_at is not None:
            click.echo(
                f"The sender for {sender.channel} stays paused ({sender.paused_reason}): "
                f"flask resume-sender --church {church_id} --channel {sender.channel}"
            )
