"""`flask message` and `flask delivery`: what became of one message, and of one delivery."""

from __future__ import annotations

from flask.cli import AppGroup

from api.commands.message.show_delivery import show_delivery
from api.commands.message.show_message import show_message

message = AppGroup("message", help="Show what became of a message.")
message.add_command(show_message)

delivery = AppGroup("delivery", help="Show what became of one delivery of a message.")
delivery.add_command(show_delivery)
