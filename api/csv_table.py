"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flask import request

MEDIA_TYPE = "text/csv"
_JSON = "application/json"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvTable:
    """The content of a response in CSV."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def is_wanted() -> bool:
    """Return whether the request prefers CSV to JSON, by its Accept header."""
    return request.accept_mimetypes.best_match([_JSON, MEDIA_TYPE], default=_JSON) == MEDIA_TYPE


def lines(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield the table line by line. Holds one row at a time."""
    yield line(headings)
    for row in rows:
        yield line(row)


def line(cells: Sequence[Cell]) -> str:
    """Return one line of the table, with its end."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([_safe(cell) for cell in cells])
    return buffer.getvalue()


def _safe(cell: Cell) -> Cell:
    """Return the cell such that no spreadsheet takes it for a formula: texts that begin like one get an apostrophe."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return "" if cell is None else cell
