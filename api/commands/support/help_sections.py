"""`flask --help` as the product's: its commands by subject, Flask's own at the end.

Flask loads the app only while it writes the list of its commands. So what it has written by then is replaced: the
epilog, which is written last, empties the page and writes another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType

import click

_LEAST_HELP_WIDTH = 20
_ABOUT = (
    "Operates Koinonia SMS: shows what is sent and what waits, finds and repairs what is wrong, and manages churches, "
    "keys and operators. `flask doctor` checks everything. docs/operating.md describes the commands, "
    "docs/operations.md what to do about each alert."
)


@dataclass(frozen=True, slots=True)
class Section:
    """Commands about one subject."""

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

        def format_epilog(_flask: click.Group, context: click.Context, formatter: click.HelpFormatter) -> None:
            formatter.buffer.clear()
            flask.format_usage(context, formatter)
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(_ABOUT)
            _write(all_sections, formatter)
            click.Command.format_options(flask, context, formatter)

        setattr(flask, "format_epilog", MethodType(format_epilog, flask))  # noqa: B010 - it replaces a method


def _write(sections: Sequence[Section], formatter: click.HelpFormatter) -> None:
    width = max(len(str(command.name)) for section in sections for command in section.commands)
    help_width = max(_LEAST_HELP_WIDTH, formatter.width - width - 6)
    for section in sections:
        with formatter.section(section.title):
            rows = [
                (str(command.name).ljust(width), command.get_short_help_str(help_width)) for command in section.commands
            ]
            formatter.write_dl(rows, col_max=width + 2)
