"""Markdown tables and the numbers in them."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table with the first column aligned left and the others aligned right."""
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return [_row(head), _row(rule), *map(_row, rows)]


def number(value: float | None) -> str:
    """Format with about three significant digits: 12,345; 123; 12.3; 1.23; 0.012. A dash for None."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
