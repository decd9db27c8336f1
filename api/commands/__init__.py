"""The operator's command line, such as `flask create-church` and `flask check-redis`. Each command has its own file."""

from __future__ import annotations

from flask import Flask

from api.commands.alerts import alerts
from api.commands.audit import audit
from api.commands.check_redis import check_redis
from api.commands.church import church
from api.commands.create_church import create_church
from api.commands.create_key import create_key
from api.commands.failed import failed
from api.commands.find_key import find_key
from api.commands.list_keys import list_keys
from api.commands.list_opt_outs import list_opt_outs
from api.commands.message import delivery, message
from api.commands.operator import operator
from api.commands.opt_in import opt_in
from api.commands.opt_out import opt_out
from api.commands.queues import queues
from api.commands.requeue import requeue
from api.commands.resolve_unknown import resolve_unknown
from api.commands.resume_sender import resume_sender
from api.commands.revoke_key import revoke_key
from api.commands.set_limits import set_limits
from api.commands.set_sender import set_sender
from api.commands.set_texting_hours import set_texting_hours
from api.commands.show_limits import show_limits
from api.commands.support.help_sections import Section

SECTIONS = (
    Section("Churches", (create_church, church, set_texting_hours, set_limits, show_limits)),
    Section("Senders", (set_sender, resume_sender)),
    Section("Keys", (create_key, list_keys, find_key, revoke_key)),
    Section("Sending", (queues, failed, requeue, message, delivery, resolve_unknown)),
    Section("Consent", (list_opt_outs, opt_out, opt_in)),
    Section("Checks", (alerts, check_redis)),
    Section("Security", (operator, audit)),
)
"""All commands, as `flask --help` lists them."""

COMMANDS = tuple(command for section in SECTIONS for command in section.commands)


def register(app: Flask) -> None:
    """Add the commands to the app's command line."""
    for command in COMMANDS:
        app.cli.add_command(command)
