"""The app that the `flask` command loads (see .flaskenv).

Without a complete configuration it has the same commands, so that `flask --help` works. Each of them then reports in
one line what is missing.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

import click
from flask import Flask

from api import app, commands
from settings import SettingsError, load_settings


def create_app() -> Flask:
    """Returns the API with its commands, or an app with the commands alone when the configuration is incomplete.

    Raises click.ClickException for Flask's own commands (`flask run`, `flask routes`), which need the API.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        return _unconfigured_app(error)
    return app.create_app(settings, warm=False)


def _unconfigured_app(error: SettingsError) -> Flask:
    problem = _NotConfigured(error)
    context = click.get_current_context(silent=True)
    if context is not None and not isinstance(context.command, click.Group):  # one of Flask's own commands is running
        raise problem
    bare = Flask("api")
    for command in commands.COMMANDS:
        bare.cli.add_command(_refusing(command, problem))
    return bare


def _refusing(command: click.Command, problem: click.ClickException) -> click.Command:
    """Returns the command with its help and its options, but with a body that raises `problem`."""

    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise problem

    refusing = copy.copy(command)
    refusing.callback = refuse
    return refusing


class _NotConfigured(click.ClickException):
    exit_code = 2

    def __init__(self, error: SettingsError) -> None:
        found = "; ".join(str(error).splitlines())
        super().__init__(
            f"The configuration is incomplete: {found}. .env.example describes the variables; "
            "bin/flask runs against what bin/run started."
        )
