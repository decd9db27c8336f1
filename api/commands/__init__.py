"""The operator's command line: `flask create-church`, `flask check-redis` and the rest, one file each."""

from __future__ import annotations

from flask import Flask

from api.commands.check_redis import check_redis
from api.commands.create_church import create_church
from api.commands.create_key import create_key
from api.commands.resolve_unknown import resolve_unknown
from api.commands.resume_sender import resume_sender
from api.commands.set_sender import set_sender
from api.commands.set_texting_hours import set_texting_hours


def register(app: Flask) -> None:
    """Make the commands known to `flask`, which finds the app in wsgi.py when it is run in the project's folder."""
    operating = (set_sender, resume_sender, set_texting_hours, resolve_unknown, check_redis)
    for command in (create_church, create_key, *operating):
        app.cli.add_command(command)
