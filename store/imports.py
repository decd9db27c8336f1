"""Imports of contacts from files: the file, what its columns mean, how far it is taken, and which worker has it.

A file is kept as parts of PART_ROWS rows. Each part is taken in one transaction that also moves `next_part`, so that an
import that was interrupted anywhere goes on where it was, and no row is taken twice.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from messaging.contact_files.columns import Column
from messaging.contact_files.tables import Row
from store import sql
from store.audit import Actor, ActorKind

ImportStatus = Literal["pending", "running", "finished", "canceled", "undoing", "undone"]
ExistingPolicy = Literal["keep", "replace"]

PART_ROWS = 1000
LEASE_SECONDS = 60
"""How long a worker may take for one part. Afterwards another one goes on."""

_SQL = sql.load("imports")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewImport:
    """A file that was read."""

    church_id: UUID
    file_name: str
    format: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    file_rows: int
    parts: Sequence[bytes]
    skipped_rows: int
    header_line: int | None
    columns: Sequence[Column]


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    import_id: UUID
    church_id: UUID
    file_name: str
    format: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    status: ImportStatus
    file_rows: int
    """Rows that are not blank, with the header and what stands above it."""
    parts: int
    skipped_rows: int
    """The header and what stands above it."""
    header_line: int | None
    columns: list[Column]
    existing_policy: ExistingPolicy
    group_id: UUID | None
    group_name: str | None
    """Of a group that is made, or found, when the import is started."""
    next_part: int
    created: int
    updated: int
    unchanged: int
    refused: int
    erased: int
    grouped: int
    opted_out: int
    removed: int
    restored: int
    kept: int
    created_at: datetime
    started_at: datetime | None
    started_by_kind: ActorKind | None
    started_by_name: str | None
    finished_at: datetime | None
    undone_at: datetime | None
    expired_at: datetime | None

    @property
    def rows(self) -> int:
        """The rows of people."""
        return self.file_rows - self.skipped_rows

    @property
    def rows_done(self) -> int:
        return self.created + self.updated + self.unchanged + self.refused + self.erased

    @property
    def started_by(self) -> Actor | None:
        if self.started_by_kind is None or self.started_by_name is None:
            return None
        return Actor(kind=self.started_by_kind, name=self.started_by_name)

    @property
    def field_names(self) -> list[str]:
        """The fields that its columns fill, beside those that a name may need."""
        return [column.field for column in self.columns if column.target == "field"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedImport:
    import_id: UUID
    church_id: UUID
    lease_id: UUID


def pack_parts(rows: Iterable[Row]) -> Iterator[tuple[bytes, int]]:
    """Yield the rows as parts, each with its number of rows. Holds one part at a time."""
    rest = iter(rows)
    while part := list(islice(rest, PART_ROWS)):
        yield pack_part(part), len(part)


def unpack_part(content: bytes) -> list[Row]:
    return [Row(line, cells) for line, cells in json.loads(zlib.decompress(content))]


def pack_part(rows: Sequence[Row]) -> bytes:
    content = [[row.line, row.cells] for row in rows]
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), level=1)


def add(connection: Connection[Any], new: NewImport) -> UUID:
    """Store a file as a pending import, and return its id."""
    names = {**asdict(new), "columns": _columns_json(new.columns), "parts": len(new.parts)}
    row = connection.execute(_SQL["insert_import"], names).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    parts = {"import_id": row[0], "church_id": new.church_id, "contents": list(new.parts)}
    connection.execute(_SQL["insert_parts"], parts)
    return row[0]


def count_pending(connection: Connection[Any], church_id: UUID) -> int:
    row = connection.execute(_SQL["count_pending"], {"church_id": church_id}).fetchone()
    return row[0] if row else 0


def get(connection: Connection[Any], *, church_id: UUID, import_id: UUID, lock: bool = False) -> Import | None:
    """Returns the import of the church, locked if wanted; None if there is none."""
    query = _SQL["lock_import"] if lock else _SQL["get_import"]
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, {"church_id": church_id, "import_id": import_id}).fetchone()
    return None if row is None else _read(row)


def page(connection: Connection[Any], *, church_id: UUID, before: UUID | None, limit: int) -> list[Import]:
    """Returns up to `limit` imports before the id `before`, newest first."""
    names = {"church_id": church_id, "before": before or sql.LAST_ID, "row_limit": limit}
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_read(row) for row in cursor.execute(_SQL["page_imports"], names)]


def read_part(connection: Connection[Any], import_id: UUID, part: int) -> bytes | None:
    row = connection.execute(_SQL["read_part"], {"import_id": import_id, "part": part}).fetchone()
    return row[0] if row else None


def set_options(connection: Connection[Any], changed: Import) -> None:
    """Store the header, the columns, the policy and the group of a pending import."""
    connection.execute(
        _SQL["set_options"],
        {
            "church_id": changed.church_id,
            "import_id": changed.import_id,
            "skipped_rows": changed.skipped_rows,
            "header_line": changed.header_line,
            "columns": _columns_json(changed.columns),
            "existing_policy": changed.existing_policy,
            "group_id": changed.group_id,
            "group_name": changed.group_name,
        },
    )


def start(
    connection: Connection[Any], *, church_id: UUID, import_id: UUID, group_id: UUID | None, actor: Actor
) -> bool:
    """Add the people to the group. Returns whether it was pending and runs from now on."""
    names = {
        "church_id": church_id,
        "import_id": import_id,
        "group_id": group_id,
        "started_by_kind": actor.kind,
        "started_by_name": actor.name,
    }
    return connection.execute(_SQL["start_import"], names).rowcount > 0


def cancel(connection: Connection[Any], *, church_id: UUID, import_id: UUID) -> bool:
    """Take no further row of a running import, and delete its file. Returns whether it was running."""
    if not _change(connection, _SQL["cancel_import"], church_id, import_id):
        return False
    connection.execute(_SQL["delete_parts"], {"import_id": import_id})
    return True


def begin_undoing(connection: Connection[Any], *, church_id: UUID, import_id: UUID) -> bool:
    """Returns whether it had ended, its rows are kept, and it is undone from now on."""
    return _change(connection, _SQL["begin_undoing"], church_id, import_id)


def delete(connection: Connection[Any], *, church_id: UUID, import_id: UUID) -> bool:
    """Delete a pending import with its file. Returns whether it was pending."""
    return _change(connection, _SQL["delete_import"], church_id, import_id)


def _change(connection: Connection[Any], query: LiteralString, church_id: UUID, import_id: UUID) -> bool:
    return connection.execute(query, {"church_id": church_id, "import_id": import_id}).rowcount > 0


def any_due(connection: Connection[Any]) -> bool:
    """Returns whether an import waits for a worker."""
    row = connection.execute(_SQL["any_due"]).fetchone()
    return bool(row and row[0])


def claim(connection: Connection[Any], lease_id: UUID) -> ClaimedImport | None:
    """Lease the import that has waited longest to this worker. None: none is due."""
    names = {"lease_id": lease_id, "lease_seconds": LEASE_SECONDS}
    row = connection.execute(_SQL["claim_import"], names).fetchone()
    return None if row is None else ClaimedImport(import_id=row[0], church_id=row[1], lease_id=lease_id)


def release(connection: Connection[Any], claimed: ClaimedImport) -> None:
    connection.execute(_SQL["release_import"], {"import_id": claimed.import_id, "lease_id": claimed.lease_id})


def lock_claimed(connection: Connection[Any], claimed: ClaimedImport) -> Import | None:
    """Lock the import and extend the lease. None: it has ended, or another worker has it."""
    names = {"import_id": claimed.import_id, "lease_id": claimed.lease_id, "lease_seconds": LEASE_SECONDS}
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_SQL["lock_claimed"], names).fetchone()
    return None if row is None else _read(row)


def record_part(connection: Connection[Any], import_id: UUID, counts: Mapping[str, int]) -> None:
    """Count the rows of a part by outcome, and go on to the next one; after the last one the import is finished."""
    connection.execute(_SQL["record_part"], {"import_id": import_id, **counts})


def record_undone(connection: Connection[Any], import_id: UUID, counts: Mapping[str, int]) -> None:
    """Count what was undone."""
    connection.execute(_SQL["record_undone"], {"import_id": import_id, **counts})


def finish_undoing(connection: Connection[Any], import_id: UUID) -> None:
    connection.execute(_SQL["finish_undoing"], {"import_id": import_id})


def delete_parts(connection: Connection[Any], import_id: UUID) -> None:
    connection.execute(_SQL["delete_parts"], {"import_id": import_id})


def _columns_json(columns: Sequence[Column]) -> Jsonb:
    return Jsonb([asdict(column) for column in columns])


def _read(row: dict[str, Any]) -> Import:
    columns: Any = [Column(**column) for column in row["columns"]]
    return Import(**{**row, "columns": columns})
