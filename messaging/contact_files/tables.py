"""A file as a table: rows of texts, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from messaging.contact_files import csv_tables, xlsx_tables
from messaging.contact_files.limits import MAX_COLUMNS, MAX_FILE_BYTES, MAX_ROWS, UnreadableFile

FileFormat = Literal["csv", "xlsx"]

XLSX_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_FOREIGN = {b"%PDF": "a PDF", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"{\\rtf": "an RTF document"}


class Row(NamedTuple):
    """A row that is not blank."""

    line: int
    """The line of the file in which it begins, or its number in the spreadsheet, from 1."""
    cells: list[str]
    """Without surrounding white space, and without empty cells at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A file that is being read. Its rows can be read once."""

    format: FileFormat
    encoding: str | None
    """Of CSV, as Python names it."""
    delimiter: str | None
    """Of CSV."""
    sheet: str | None
    """Of a workbook, the name of the sheet that is read: the first that is not hidden."""
    rows: Iterator[Row]


def open_table(data: bytes) -> Table:
    """Return the table in the file, by what it contains and not by its name.

    Raises UnreadableFile, also while the rows are read.
    """
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableFile(f"The file has more than {MAX_FILE_BYTES // 1_000_000} MB. Split it into several files.")
    if not data.strip():
        raise UnreadableFile("The file is empty.")
    if data.startswith(_OLD_OFFICE):
        raise _refused_old_office(data)
    for signature, kind in _FOREIGN.items():
        if data.startswith(signature):
            raise UnreadableFile(f"The file is {kind}. Export the contacts as CSV or as an Excel workbook (.xlsx).")
    if data.startswith(_ZIP):
        workbook = xlsx_tables.open_workbook(data)
        return Table(format="xlsx", encoding=None, delimiter=None, sheet=workbook.sheet, rows=_bounded(workbook.rows()))
    text = csv_tables.detect(data)
    return Table(
        format="csv",
        encoding=text.encoding,
        delimiter=text.delimiter,
        sheet=None,
        rows=_bounded(csv_tables.read_rows(data, text)),
    )


def _refused_old_office(data: bytes) -> UnreadableFile:
    if _ENCRYPTED in data:
        return UnreadableFile("The workbook is encrypted. Save it without a password, and send that file.")
    return UnreadableFile("The file is an old Excel workbook (.xls). Save it as .xlsx or as CSV, and send that file.")


def _bounded(rows: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    """Yield the rows that are not blank. Raises UnreadableFile for too many rows or columns."""
    count = 0
    for line, cells in rows:
        stripped = [cell.strip() for cell in cells]
        while stripped and not stripped[-1]:
            stripped.pop()
        if not stripped:
            continue
        count += 1
        if count > MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS:,} rows. Split it into several files.")
        if len(stripped) > MAX_COLUMNS:
            raise UnreadableFile(f"Line {line} has {len(stripped):,} columns; at most {MAX_COLUMNS} are read.")
        yield Row(line, stripped)
    if not count:
        raise UnreadableFile("The file is empty: it has no row with text.")
