"""Reads the first visible sheet of an Excel workbook (ECMA-376) row by row.

Written here and not taken from a library, because a hostile file must not take more memory than the limits allow
(docs/decisions/0029-spreadsheets-are-read-without-a-library.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from messaging.contact_files.limits import (
    MAX_CELL_CHARACTERS,
    MAX_COLUMNS,
    MAX_SHARED_STRING_BYTES,
    MAX_SHARED_STRINGS,
    UnreadableFile,
)
from messaging.contact_files.xlsx_package import Attributes, DamagedWorkbook, Package, local_name
from messaging.contact_files.xlsx_values import cell_text, read_date_styles, unescape

_COLUMN = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
_LINE = re.compile(r"[0-9]{1,7}")
_FOREIGN = {
    "content.xml": "an OpenDocument file",
    "word/document.xml": "a Word document",
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "Index/Document.iwa": "a Numbers document",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    name: str
    part: str
    from_1904: bool


class Workbook:
    """An open workbook."""

    def __init__(self, package: Package, main: str) -> None:
        self._package = package
        self._main = main
        self._found = _first_visible_sheet(package, main)

    @property
    def sheet(self) -> str:
        return self._found.name

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with its number, from 1. Raises UnreadableFile."""
        parts = self._package.names
        folder = self._main.rpartition("/")[0]
        styles, strings = f"{folder}/styles.xml", f"{folder}/sharedStrings.xml"
        reader = _SheetReader(
            strings=_read_strings(self._package, strings) if strings in parts else [],
            dates=read_date_styles(self._package, styles) if styles in parts else [],
            from_1904=self._found.from_1904,
        )
        for _ in self._package.read_xml(self._found.part, reader.start, reader.end, reader.text):
            yield from reader.take()


def open_workbook(data: bytes) -> Workbook:
    """Raises UnreadableFile if the archive is not a workbook."""
    package = Package(data)
    for name, kind in _FOREIGN.items():
        if name in package.names:
            raise UnreadableFile(f"The file is {kind}. Save it as an Excel workbook (.xlsx) or as CSV.")
    main = next((name for name in package.related("").values() if name.endswith("workbook.xml")), "xl/workbook.xml")
    if main not in package.names:
        raise UnreadableFile("The file is a ZIP archive without a workbook. Send the .xlsx or CSV file itself.")
    return Workbook(package, main)


def _first_visible_sheet(package: Package, main: str) -> _Sheet:
    sheets: list[tuple[str, str, bool]] = []
    from_1904 = False

    def start(element: str, attributes: Attributes) -> None:
        nonlocal from_1904
        element = local_name(element)
        if element == "workbookPr":
            from_1904 = attributes.get("date1904") in ("1", "true")
        elif element == "sheet":
            relation = next((value for name, value in attributes.items() if local_name(name) == "id"), "")
            sheets.append((attributes.get("name", ""), relation, attributes.get("state", "visible") == "visible"))

    package.read_small(main, start)
    related = package.related(main)
    for name, relation, is_visible in sheets:
        if is_visible and related.get(relation) in package.names:
            return _Sheet(name=unescape(name), part=related[relation], from_1904=from_1904)
    raise DamagedWorkbook


def _read_strings(package: Package, name: str) -> list[str]:
    """Return the shared strings, to which cells refer by their index."""
    strings: list[str] = []
    parts: list[str] = []
    depth_of_hints = 0
    in_text = False
    size = 0

    def start(element: str, _attributes: Attributes) -> None:
        nonlocal depth_of_hints, in_text
        element = local_name(element)
        if element == "si":
            parts.clear()
        elif element == "rPh":  # how Japanese is pronounced
            depth_of_hints += 1
        elif element == "t":
            in_text = not depth_of_hints

    def end(element: str) -> None:
        nonlocal depth_of_hints, in_text
        element = local_name(element)
        if element == "t":
            in_text = False
        elif element == "rPh":
            depth_of_hints -= 1
        elif element == "si":
            strings.append(unescape("".join(parts)))

    def text(data: str) -> None:
        nonlocal size
        if in_text:
            parts.append(data)
            size += len(data)

    for _ in package.read_xml(name, start, end, text):
        if size > MAX_SHARED_STRING_BYTES or len(strings) > MAX_SHARED_STRINGS:
            raise UnreadableFile("The workbook has too much text. Split it, or send it as CSV.")
    return strings


class _SheetReader:
    """The handlers of a sheet's XML. Collects complete rows until they are taken."""

    def __init__(self, *, strings: list[str], dates: list[bool], from_1904: bool) -> None:
        self._strings, self._dates, self._from_1904 = strings, dates, from_1904
        self._columns: dict[str, int] = {}
        self._rows: list[tuple[int, list[str]]] = []
        self._line = 0
        self._cells: list[str] = []
        self._column = -1
        self._kind, self._style = "n", None
        self._value: list[str] = []
        self._size = 0
        self._in_value = False
        self._in_hint = False

    def take(self) -> list[tuple[int, list[str]]]:
        """Return the rows that are complete, and forget them."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, element: str, attributes: Attributes) -> None:
        element = local_name(element)
        if element == "c":
            self._column = self._index(attributes.get("r"))
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s")
            self._value.clear()
            self._size = 0
        elif element in ("v", "t"):
            self._in_value = not self._in_hint
        elif element == "rPh":
            self._in_hint = True
        elif element == "row":
            stated = attributes.get("r", "")
            self._line = int(stated) if _LINE.fullmatch(stated) else self._line + 1
            self._cells, self._column = [], -1

    def end(self, element: str) -> None:
        element = local_name(element)
        if element in ("v", "t"):
            self._in_value = False
        elif element == "c":
            self._end_cell()
        elif element == "rPh":
            self._in_hint = False
        elif element == "row" and self._cells:
            self._rows.append((self._line, self._cells))
            self._cells = []

    def text(self, data: str) -> None:
        if not self._in_value:
            return
        self._size += len(data)
        if self._size > MAX_CELL_CHARACTERS:
            raise UnreadableFile(f"Row {self._line} has a cell of more than {MAX_CELL_CHARACTERS:,} characters.")
        self._value.append(data)

    def _end_cell(self) -> None:
        value = cell_text(
            "".join(self._value),
            kind=self._kind,
            style=self._style,
            strings=self._strings,
            dates=self._dates,
            from_1904=self._from_1904,
        )
        if not value:
            return
        if self._column >= MAX_COLUMNS:
            raise UnreadableFile(f"Row {self._line} has more than {MAX_COLUMNS} columns, which is the most.")
        if len(value) > MAX_CELL_CHARACTERS:
            raise UnreadableFile(f"Row {self._line} has a cell of more than {MAX_CELL_CHARACTERS:,} characters.")
        cells = self._cells
        while len(cells) <= self._column:
            cells.append("")
        cells[self._column] = value

    def _index(self, reference: str | None) -> int:
        """Return the index of the column in a reference such as `AB12`; the next one if there is none."""
        found = _COLUMN.fullmatch(reference) if reference else None
        if found is None:
            return self._column + 1
        letters = found[1]
        if letters not in self._columns:
            index = 0
            for letter in letters:
                index = 26 * index + ord(letter) - ord("A") + 1
            self._columns[letters] = index - 1
        return self._columns[letters]
