"""What an import would do: its first rows are really taken, in a transaction that is rolled back."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Literal

from api.imports.responses import CheckedImport, ImportCheck, RowProblem, import_view
from api.messages.sending_checks import allowed_regions
from store import contacts, import_rows, imports
from store.database import Database, church_scope
from store.import_rows import PartRows, RefusedFileRow, Taken
from store.imports import Import

MAX_CHECKED_PARTS = 5
"""The most parts of a file that one request looks at."""
BUDGET_SECONDS = 1.0
"""After this no further part is read."""
FIRST_ROWS = 5
FIRST_PROBLEMS = 20


def checked_import(database: Database, found: Import) -> CheckedImport:
    """Return a pending import with what would happen if it were started now."""
    first_rows, parts = _read(database, found)
    taken = Taken()
    with church_scope(database, found.church_id) as connection:
        contacts.lock_church(connection, found.church_id)
        for part in parts:
            taken = taken.plus(import_rows.take(connection, found, part))
        connection.rollback()
    refused = [row for part in parts for row in part.refused]
    rows = taken.created + taken.updated + taken.unchanged + taken.refused
    check = ImportCheck(
        rows=rows,
        is_whole_file=len(parts) == found.parts,
        created=taken.created,
        updated=taken.updated,
        unchanged=taken.unchanged,
        refused=taken.refused,
        opted_out=taken.opted_out,
        problems=[_problem(row) for row in refused[:FIRST_PROBLEMS]],
        missing=missing(found),
    )
    return CheckedImport(**import_view(found).model_dump(), first_rows=first_rows, check=check)


def missing(found: Import) -> list[Literal["name", "address"]]:
    """Return what no column is taken for, so that every row would be refused."""
    targets = {column.target for column in found.columns}
    lacking: list[Literal["name", "address"]] = []
    if not targets & {"name", "firstName", "lastName"}:
        lacking.append("name")
    if not targets & {"phone", "email"}:
        lacking.append("address")
    return lacking


def _read(database: Database, found: Import) -> tuple[list[list[str]], list[PartRows]]:
    """Return the first rows of the file, and its first parts as far as the time allows. No transaction stays open."""
    deadline = time.monotonic() + BUDGET_SECONDS
    first_rows: list[list[str]] = []
    parts: list[PartRows] = []
    while len(parts) < min(found.parts, MAX_CHECKED_PARTS) and (not parts or time.monotonic() < deadline):
        with church_scope(database, found.church_id) as connection:
            regions = allowed_regions(connection, found.church_id)
            content = imports.read_part(connection, found.import_id, len(parts))
        rows = imports.unpack_part(content) if content is not None else []
        first_rows = first_rows or [_shown(row.cells) for row in rows[:FIRST_ROWS]]
        parts.append(import_rows.read_rows(found, rows, part=len(parts), regions=regions))
    return first_rows, parts


def _shown(cells: Collection[str]) -> list[str]:
    """Return the cells as JSON can hold them, without the ends of long ones."""
    return [cell[:100].encode("utf-8", "replace").decode() for cell in cells]


def _problem(row: RefusedFileRow) -> RowProblem:
    return RowProblem(line=row.line, column=row.column_name, value=row.value, reason=row.reason)
