"""The app that the `flask` command loads (see .flaskenv).

It has the commands alone, and opens connections when a command first needs them: so help needs no configuration and no
server, and a command that needs only Redis opens nothing else.
"""

from __future__ import annotations

import atexit
from functools import cache
from typing import TYPE_CHECKING

import click
from flask import Flask

from api import commands, services

if TYPE_CHECKING:
    from api.services import Services


def create_app() -> Flask:
    """Return an app that has the commands, or the whole API for Flask's own (`flask run`, `flask routes`).

    Raises click.ClickException if Flask's own command is run and the configuration is incomplete.
    """
    context = click.get_current_context(silent=True)
    if context is not None and not isinstance(context.command, click.Group):  # one of Flask's own commands is running
        from api import app
        from api.commands.support.settings_input import read_settings
        from settings import load_settings

        return app.create_app(read_settings(load_settings), warm=False)
    bare = Flask("api")
    services.install(bare, open_services)
    commands.register(bare)
    return bare


@cache
def open_services() -> Services:
    """Open them when a command first needs them. Raises click.ClickException if the configuration is incomplete."""
    import logs
    from api.commands.support.settings_input import read_settings
    from settings import load_settings

    settings = read_settings(load_settings)
    # A command prints its result. The log lines of connecting would hide it.
    logs.configure(fmt=settings.log_format, level="DEBUG" if settings.log_level == "DEBUG" else "ERROR")
    opened = services.open_services(settings)
    atexit.register(opened.close)
    return opened
