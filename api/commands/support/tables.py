"""Prints tables in the terminal. Unprintable characters in stored text are replaced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

_GAP = "  "


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(_GAP.join(cells).rstrip())


def shown_time(time: datetime | None, *, missing: str = "") -> str:
    """Return the time in UTC, to the minute, or `missing` for None."""
    return missing if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def shown_second(time: datetime) -> str:
    """Return the time in UTC, to the second, without the zone: for columns."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def printable(cell: str) -> str:
    """Return the text with unprintable characters replaced, such as those that move the cursor."""
    return "".join(character if character.isprintable() else "?" for character in cell)
