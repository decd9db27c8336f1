"""`flask set-texting-hours`: when a church's people may be texted, by their own clocks."""

from __future__ import annotations

from uuid import UUID

import click
from flask.cli import with_appcontext

from api.commands.arguments import BadInput, ChurchId, TextingHours
from api.commands.ledger import ledger
from messaging.quiet_hours import Window
from store import churches


@click.command("set-texting-hours")
@click.option("--church", type=ChurchId(), required=True, help="The church's id.")
@click.option("--hours", type=TextingHours(), required=True, help="Such as 08:00-21:00; 00:00-24:00 is always.")
@with_appcontext
def set_texting_hours(church: UUID, hours: Window) -> None:
    """Set the hours outside which a church's texts wait. What waits now is judged anew."""
    with ledger() as connection:
        if churches.get(connection, church) is None:
            raise BadInput(f"There is no church {church}.")
        churches.set_window(connection, church_id=church, window=hours)
    click.echo("Set. Texts that wait for the old hours are looked at again within seconds.")
