"""Which column of a file holds what: guessed from the headings, or from the cells of a file without headings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from messaging.addresses import InvalidEmail, InvalidPhone, parse_email
from messaging.contact_fields import MAX_FIELD_NAME_CHARACTERS
from messaging.contact_files.headings import Target, field_name, known_target
from messaging.contact_files.phone_cells import read_phone
from messaging.contact_files.tables import Row

_ROWS_BEFORE_HEADER = 10
"""A title or a note may stand above the headings."""
_SAMPLE = 50
_MOST = 0.6
"""The share of a column's cells that must be addresses, so that the column is taken for one of addresses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    number: int
    """From 1, in the order of the file."""
    heading: str
    """"" without one."""
    target: Target
    field: str
    """The name of the field that the column is, if `target` is "field", or would be."""


def find_header(rows: Sequence[Row]) -> int:
    """Return the index of the row with the headings, among the first rows of a file; -1 if there is none."""
    for index, row in enumerate(rows[:_ROWS_BEFORE_HEADER]):
        found = [known for cell in row.cells if (known := known_target(cell))]
        if len(found) >= 2 or (found and len(found) == len([cell for cell in row.cells if cell])):
            return index
    if rows and len(rows) > 1 and _is_heading_row(rows[0]) and any(_has_address(row) for row in rows[1:_SAMPLE]):
        return 0
    return -1


def guess_columns(rows: Sequence[Row], header: int, *, fields: Collection[str]) -> list[Column]:
    """Return all columns of the file, by the first rows and the index of its header row (-1: none).

    `fields` are the church's own fields: a heading that names one is taken for it.
    """
    headings = rows[header].cells if header >= 0 else []
    sample = rows[header + 1 : header + 1 + _SAMPLE]
    width = max((len(row.cells) for row in (*sample, *rows[max(header, 0) : header + 1])), default=0)
    columns: list[Column] = []
    taken: set[str] = set()
    for number in range(1, width + 1):
        heading = headings[number - 1] if number <= len(headings) else ""
        name = _unused(field_name(heading, column=number), taken)
        taken.add(name)
        is_field = name in fields and (name == heading or known_target(heading) is None)
        target: Target = "field" if is_field else "ignore"
        columns.append(Column(number=number, heading=heading, target=target, field=name))
    columns = _by_heading(columns)
    return _by_content(columns, sample) if not any(column.target != "ignore" for column in columns) else columns


def _unused(name: str, taken: Collection[str]) -> str:
    number, unused = 2, name
    while unused in taken:
        unused = f"{name[: MAX_FIELD_NAME_CHARACTERS - len(str(number))]}{number}"
        number += 1
    return unused


def _by_heading(columns: Sequence[Column]) -> list[Column]:
    """Give each target the column with its best heading."""
    best: dict[Target, tuple[int, int]] = {}
    for index, column in enumerate(columns):
        known = known_target(column.heading)
        if known and column.target == "ignore":
            target, rank = known
            best[target] = min(best.get(target, (rank, index)), (rank, index))
    found = {index: target for target, (_, index) in best.items()}
    if "firstName" in best and not {"lastName", "name"} & best.keys():
        found[best["firstName"][1]] = "name"  # "Nombre" alone is the whole name
    return [replace(column, target=found.get(index, column.target)) for index, column in enumerate(columns)]


def _by_content(columns: Sequence[Column], sample: Sequence[Row]) -> list[Column]:
    """For a file without known headings: columns of addresses are recognized, and the first others are the name."""
    targets: dict[int, Target] = {}
    texts: list[int] = []
    for index in range(len(columns)):
        cells = [row.cells[index] for row in sample if index < len(row.cells) and row.cells[index]]
        if cells and "email" not in targets.values() and _share(cells, _is_email) >= _MOST:
            targets[index] = "email"
        elif cells and "phone" not in targets.values() and _share(cells, _is_phone) >= _MOST:
            targets[index] = "phone"
        elif cells and not any(character.isdigit() for cell in cells[:5] for character in cell):
            texts.append(index)
    if texts:
        names: tuple[Target, ...] = ("name",)
        if len(texts) > 1 and texts[1] == texts[0] + 1 and _single_words(sample, texts[:2]):
            names = ("firstName", "lastName")
        targets |= dict(zip(texts, names, strict=False))
    return [replace(column, target=targets.get(index, column.target)) for index, column in enumerate(columns)]


def _single_words(sample: Sequence[Row], indexes: Sequence[int]) -> bool:
    """Return whether most cells of both columns are one word, as a first and a last name are."""
    return all(
        _share([row.cells[index] for row in sample if index < len(row.cells)], lambda cell: " " not in cell) >= _MOST
        for index in indexes
    )


def _share(cells: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(test(cell) for cell in cells) / len(cells) if cells else 0.0


def _is_heading_row(row: Row) -> bool:
    return not _has_address(row) and all(cell and not cell[0].isdigit() for cell in row.cells)


def _has_address(row: Row) -> bool:
    return any(_is_email(cell) or _is_phone(cell) for cell in row.cells)


def _is_email(cell: str) -> bool:
    if "@" not in cell:
        return False
    try:
        parse_email(cell)
    except InvalidEmail:
        return False
    return True


def _is_phone(cell: str) -> bool:
    try:
        read_phone(cell)
    except InvalidPhone:
        return False
    return True
