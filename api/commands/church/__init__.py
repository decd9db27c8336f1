"""`flask church`: the state of churches, and their suspension. Each command has its own file."""

from __future__ import annotations

import click

from api.commands.church.listing import list_churches
from api.commands.church.resuming import resume_church
from api.commands.church.showing import show_church
from api.commands.church.suspending import suspend_church


@click.group("church")
def church() -> None:
    """List, show, suspend and resume churches."""


for _command in (list_churches, show_church, suspend_church, resume_church):
    church.add_command(_command)
