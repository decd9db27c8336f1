"""`flask set-texting-hours`: sets the local hours in which a church may text people."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import BadInput, ChurchId, TextingHours
from api.commands.support.transaction import transaction
from messaging.quiet_hours import Window
from store import audit, churches


@click.command("set-texting-hours")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option(
    "--hours", type=TextingHours(), required=True, help="The hours, such as 08:00-21:00. 00:00-24:00 allows every hour."
)
@with_appcontext
def set_texting_hours(church_id: UUID, hours: Window) -> None:
    """Set the hours in which a church may text people.

    The hours are in each person's local time. Outside these hours, texts wait. The new hours
    also apply to texts that are already waiting.
    """
    with transaction() as connection:
        if churches.get(connection, church_id) is None:
            raise BadInput(f"There is no church {church_id}.")
        churches.set_window(connection, church_id=church_id, window=hours)
        audit.record(
            connection,
            actor=command_actor(),
            action="church.texting_hours_set",
            subject=str(church_id),
            church_id=church_id,
            details={"opensMinute": hours.opens, "closesMinute": hours.closes},
        )
    click.echo("The hours are set. They apply to waiting texts within seconds.")
