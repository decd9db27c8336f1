"""`flask --help` in sections: the product's commands by subject, Flask's own at the end.

Flask lists all commands by the alphabet. It loads the app only while it writes that list, so it cannot be replaced: its
commands are hidden until it is written, and the sections are written after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MethodType

import click

_LEAST_HELP_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Section:
    """Commands about one subject. The commands of a group are listed one by one, such as `church list`."""

    title: str
    commands: tuple[click.Command, ...]


def install(sections: Sequence[Section]) -> None:
    """Let the `flask` command that is running list its commands in these sections."""
    context = click.get_current_context(silent=True)
    if context is None or context.parent is not None or context.resilient_parsing:
        return  # the app is loaded by something else, or for the completion of the shell
    if isinstance(context.command, click.Group):
        flask = context.command
        all_sections = (*sections, Section("Flask", tuple(flask.commands.values())))
        _set_hidden(all_sections, hidden=True)

        def format_epilog(_flask: click.Group, _context: click.Context, formatter: click.HelpFormatter) -> None:
            _set_hidden(all_sections, hidden=False)
            _write(all_sections, formatter)

        setattr(flask, "format_epilog", MethodType(format_epilog, flask))  # noqa: B010 - it replaces a method


def _set_hidden(sections: Sequence[Section], *, hidden: bool) -> None:
    for section in sections:
        for command in section.commands:
            command.hidden = hidden


def _write(sections: Sequence[Section], formatter: click.HelpFormatter) -> None:
    listed = {section.title: list(_entries(section)) for section in sections}
    width = max(len(name) for entries in listed.values() for name, _ in entries)
    help_width = max(_LEAST_HELP_WIDTH, formatter.width - width - 6)
    for title, entries in listed.items():
        with formatter.section(title):
            rows = [(name.ljust(width), command.get_short_help_str(help_width)) for name, command in entries]
            formatter.write_dl(rows, col_max=width + 2)


def _entries(section: Section) -> Iterator[tuple[str, click.Command]]:
    for command in section.commands:
        if isinstance(command, click.Group):
            for name, each in command.commands.items():
                yield f"{command.name} {name}", each
        else:
            yield str(command.name), command
