"""The app that the `flask` command loads (see .flaskenv).

If the configuration is incomplete, it has the same commands, so that `flask --help` works, but each of them only
reports in one line what is missing.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

import click
from flask import Flask

from api import app, commands
from api.commands.support import help_sections
from settings import SettingsError, load_settings


def create_app() -> Flask:
    """Return the API with its commands, or only the commands if the configuration is incomplete.

    Raises click.ClickException for Flask's own commands (`flask run`, `flask routes`), which need the API.
    """
    help_sections.install(commands.SECTIONS)
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
        bare.cli.add_command(_raising(command, problem))
    return bare


def _raising(command: click.Command, problem: click.ClickException) -> click.Command:
    """Return a copy of the command, with its help and options, that raises `problem` when it is run."""

    def raise_problem(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise problem

    if isinstance(command, click.Group):
        group = copy.copy(command)
        group.commands = {name: _raising(each, problem) for name, each in command.commands.items()}
        return group
    raising = copy.copy(command)
    raising.callback = raise_problem
    return raising


class _NotConfigured(click.ClickException):
    exit_code = 2

    def __init__(self, error: SettingsError) -> None:
        errors = "; ".join(str(error).splitlines())
        super().__init__(
            f"The configuration is incomplete: {errors}. .env.example describes the variables; "
            "bin/flask runs against what bin/run started."
        )
