"""Makes files of contacts as churches have them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, cast

import openpyxl

Cells = Sequence[Any]


def csv_file(rows: Sequence[Cells], *, delimiter: str = ",", encoding: str = "utf-8", line_end: str = "\r\n") -> bytes:
    """A CSV file with these rows."""
    text = io.StringIO(newline="")
    # Python quotes a line end inside of a cell only if it is that of the file.
    quoting = csv.QUOTE_ALL if line_end == "\r" else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_file(rows: Sequence[Cells], *, title: str = "Members") -> bytes:
    """A workbook with these rows, written by openpyxl."""
    workbook = cast("Any", openpyxl.Workbook())
    sheet = workbook.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    data = io.BytesIO()
    workbook.save(data)
    return data.getvalue()


def people(count: int, *, first: int = 0) -> list[tuple[str, str, str, str]]:
    """A header, and rows of people with consecutive valid numbers."""
    header = ("First Name", "Last Name", "Cell Phone", "Campus")
    rows = [
        (f"Ruth{number}", "Bell", f"({202 + number // 10_000}) 555-{number % 10_000:04d}", "North")
        for number in range(first, first + count)
    ]
    return [header, *rows]
