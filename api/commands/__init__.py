"""The operator's command line, such as `flask create-church` and `flask check-redis`. Each command has its own file."""

from __future__ import annotations

from flask import Flask

from api.commands.support.lazy_command import LazyCommand

COMMANDS = tuple(
    LazyCommand(module)
    for module in (
        "create_church",
        "create_key",
        "list_keys",
        "find_key",
        "revoke_key",
        "set_sender",
        "resume_sender",
        "resolve_unknown",
        "set_texting_hours",
        "set_limits",
        "show_limits",
        "list_opt_outs",
        "opt_out",
        "opt_in",
        "check_redis",
        "check_database",
        "check_carrier",
        "doctor",
    )
)
"""By the names of their modules, each of which has a command of the same name."""


def register(app: Flask) -> None:
    """Add the commands to the app's command line."""
    for command in COMMANDS:
        app.cli.add_command(command)
