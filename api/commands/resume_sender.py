"""`flask resume-sender`: resumes a paused sender."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.services import services
from channels.registry import CHANNELS
from jobs.job_queue.job_kinds import SWEEP
from store import audit, senders


@click.command("resume-sender")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--channel", type=click.Choice(list(CHANNELS)), required=True, help="The channel of the sender.")
@with_appcontext
def resume_sender(church_id: UUID, channel: str) -> None:
    """Resume a paused sender.

    First correct the cause, such as wrong credentials. The waiting deliveries are then sent.
    """
    with transaction() as connection:
        if not senders.exists(connection, church_id=church_id, channel=channel):
            raise BadInput(f"The church {church_id} has no sender for {channel}.")
        reason = senders.resume(connection, church_id=church_id, channel=channel)
        if reason is not None:
            audit.record(
                connection,
                actor=command_actor(),
                action="sender.resumed",
                subject=channel,
                church_id=church_id,
                details={"reason": reason},
            )
    if reason is None:
        click.echo(f"The church's sender for {channel} is not paused: there is nothing to resume.")
        return
    services().job_queue.enqueue_batch(channel=channel, church_id=church_id)
    services().job_queue.enqueue_tick(SWEEP)  # it removes the failed job from the dashboard
    click.echo(f"The church's sender for {channel} was paused ({reason}). It sends again now.")
