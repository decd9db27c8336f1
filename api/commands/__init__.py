"""The operator's command line, such as `flask create-church` and `flask check-redis`. Each command has its own file."""

from __future__ import annotations

from flask import Flask

from api.commands.support.help_sections import Section
from api.commands.support.lazy_command import LazyCommand


def _commands(*modules: str) -> tuple[LazyCommand, ...]:
    """The commands of these modules, each of which has a command of the same name."""
    return tuple(LazyCommand(module) for module in modules)


SECTIONS = (
    Section("Checks", _commands("doctor", "check_redis", "check_database", "check_carrier", "alerts")),
    Section(
        "Sending",
        (
            *_commands("queues", "failed", "requeue", "message"),
            LazyCommand("message", "delivery"),
            LazyCommand("resolve_unknown"),
        ),
    ),
    Section(
        "Churches",
        _commands("create_church", "church", "set_texting_hours", "set_limits", "show_limits", "set_link_domain"),
    ),
    Section("Contacts", _commands("import_contacts", "list_imports", "list_groups")),
    Section("Prices and quotas", _commands("usage", "set_quota", "show_quota", "set_price", "show_prices")),
    Section("Senders", _commands("set_sender", "resume_sender")),
    Section("Keys", _commands("create_key", "list_keys", "find_key", "revoke_key")),
    Section(
        "Consent and personal data",
        _commands("list_opt_outs", "opt_out", "opt_in", "show_conversation", "set_replies", "person"),
    ),
    Section("Security", _commands("operator", "audit")),
)
"""All commands, as `flask --help` lists them."""

COMMANDS = tuple(command for section in SECTIONS for command in section.commands)


def register(app: Flask) -> None:
    """Add the commands to the app's command line."""
    for command in COMMANDS:
        app.cli.add_command(command)
