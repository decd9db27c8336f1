"""`flask message` and `flask delivery`: what became of one message, and of one delivery."""

from __future__ import annotations

import click

from api.commands.message.show_delivery import show_delivery
from api.commands.message.show_message import show_message


@click.group("message")
def message() -> None:
    """Show what became of a message."""


@click.group("delivery")
def delivery() -> None:
    """Show what became of one delivery of a message."""


message.add_command(show_message)
delivery.add_command(show_delivery)
