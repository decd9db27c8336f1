"""How long files and rows of imports are kept, and how one person is removed from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.contact_files.tables import Row
from store import imports, sql

PENDING_KEPT_DAYS = 7
"""How long a file is kept that is not started."""
ROWS_KEPT_DAYS = 30
"""How long after an import ended its rows are kept: the report, and what is needed to undo it."""

_SQL = sql.load("import_retention")
_NO_DIGIT = re.compile(r"\D")
_LEAST_DIGITS = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedVersion:
    """What an import keeps of a contact."""

    import_id: UUID
    line: int
    outcome: str
    before: dict[str, Any] | None
    """What the contact was before the import changed it."""


def delete_abandoned(connection: Connection[Any], *, limit: int) -> int:
    """Delete up to `limit` imports, with their files, that were not started in PENDING_KEPT_DAYS."""
    return _count(connection, _SQL["delete_abandoned"], kept_days=PENDING_KEPT_DAYS, row_limit=limit)


def delete_rows(connection: Connection[Any], *, limit: int) -> int:
    """Delete up to `limit` rows of imports that ended more than ROWS_KEPT_DAYS ago."""
    return _count(connection, _SQL["delete_expired_rows"], kept_days=ROWS_KEPT_DAYS, row_limit=limit)


def expire(connection: Connection[Any], *, limit: int) -> None:
    """Mark imports whose rows are deleted: they can no longer be undone."""
    connection.execute(_SQL["expire_imports"], {"kept_days": ROWS_KEPT_DAYS, "row_limit": limit})


def find_versions(
    connection: Connection[Any], *, church_id: UUID, contact_ids: Sequence[UUID]
) -> list[ImportedVersion]:
    """Returns what imports keep of these contacts."""
    names = {"church_id": church_id, "contact_ids": list(contact_ids)}
    with connection.cursor(row_factory=class_row(ImportedVersion)) as cursor:
        return cursor.execute(_SQL["find_rows_of_contacts"], names).fetchall()


def erase(
    connection: Connection[Any], *, church_id: UUID, addresses: Sequence[str], contact_ids: Sequence[UUID]
) -> None:
    """Remove a person from the imports of a church: from what undoing would restore, from reports, and from files.

    `contact_ids` are the person's contacts, `addresses` as they are stored. A file that is not taken yet would store
    the person again. The caller has locked the church.
    """
    connection.execute(_SQL["erase_rows_of_contacts"], {"church_id": church_id, "contact_ids": list(contact_ids)})
    person = _Person(addresses)
    values = connection.execute(_SQL["list_values"], {"church_id": church_id}).fetchall()
    hit = [(import_id, row_number) for import_id, row_number, value in values if person.is_in(value)]
    if hit:
        names = {
            "church_id": church_id,
            "import_ids": [import_id for import_id, _ in hit],
            "row_numbers": [row_number for _, row_number in hit],
        }
        connection.execute(_SQL["erase_values"], names)
    for import_id, part in connection.execute(_SQL["list_files"], {"church_id": church_id}).fetchall():
        _erase_from_part(connection, person, church_id=church_id, import_id=import_id, part=part)


def _erase_from_part(
    connection: Connection[Any], person: _Person, *, church_id: UUID, import_id: UUID, part: int
) -> None:
    """Empty the rows of the person. The others keep their numbers."""
    content = imports.read_part(connection, import_id, part)
    rows = imports.unpack_part(content) if content is not None else []
    left = [Row(row.line, []) if any(map(person.is_in, row.cells)) else row for row in rows]
    if left != rows:
        names = {"church_id": church_id, "import_id": import_id, "part": part, "content": imports.pack_part(left)}
        connection.execute(_SQL["replace_part"], names)


class _Person:
    """Recognizes the addresses of a person in cells, however they are written."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._emails = [address for address in addresses if "@" in address]
        self._numbers = [_digits(address) for address in addresses if "@" not in address]

    def is_in(self, cell: str) -> bool:
        text = cell.lower()
        if any(email in text for email in self._emails):
            return True
        digits = _digits(cell)
        if len(digits) < _LEAST_DIGITS:
            return False
        # A number is written with the country code or without it, and may not be the only one in the cell.
        return any(number in digits or number.removeprefix("1") in digits for number in self._numbers)


def _digits(text: str) -> str:
    return _NO_DIGIT.sub("", text)


def _count(connection: Connection[Any], query: LiteralString, **names: object) -> int:
    row = connection.execute(query, names).fetchone()
    return row[0] if row else 0
