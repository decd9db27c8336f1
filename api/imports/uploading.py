"""POST /api/imports."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api import problems
from api.authentication import with_key
from api.base_models import STORABLE, RequestModel
from api.endpoints import ApiResponse, Header, ResponseSpec, endpoint
from api.imports import uploaded_file
from api.imports.checking import checked_import
from api.imports.responses import CheckedImport
from api.imports.uploaded_file import UploadedFile, read_file
from api.problems import RequestRefused
from api.services import services
from messaging.contact_files.columns import find_header, guess_columns
from messaging.contact_files.limits import UnreadableFile
from messaging.contact_files.tables import open_table
from store import audit, contact_fields, contacts, imports
from store.api_keys import KeyHolder
from store.audit import Actor
from store.database import Database, church_scope
from store.imports import Import, NewImport

MAX_PENDING = 20
"""The most files of a church that wait to be started."""
_READ_AT_ONCE = threading.BoundedSemaphore(2)
"""A file takes some times its size of memory, and a second of computing: a process reads few at once."""
_WAIT_SECONDS = 2.0


class UploadQuery(RequestModel):
    """The query parameters of an upload."""

    file_name: Annotated[str, StringConstraints(max_length=200), STORABLE] | None = Field(
        default=None, description="The name of the file, by which it is listed. A form states it itself."
    )


@endpoint(
    "POST /api/imports",
    tag="Imports",
    summary="Upload a file of contacts",
    authentication=with_key("contacts:write"),
    query=UploadQuery,
    raw=uploaded_file.MEDIA_TYPES,
    responses=(
        ResponseSpec(
            status=201,
            description="The file was read. Nothing is imported yet.",
            content=CheckedImport,
            headers=(Header(name="Location", description="The path of the import."),),
        ),
    ),
    problems=(problems.UNREADABLE_FILE, problems.TOO_MANY_IMPORTS),
)
def upload_import(*, caller: KeyHolder, query: UploadQuery) -> ApiResponse:
    """Reads a CSV file or an Excel workbook (.xlsx) of at most 25 MB and 200,000 rows, and returns what its columns are
    taken for and what would happen: how many contacts would be added, changed or refused. Nothing is imported until the
    import is started. A file that is never started is deleted after 7 days.

    Send it as a form (`multipart/form-data`) in the field `file`, or as the body itself. The format, the encoding
    (UTF-8, UTF-16, Windows-1252) and the delimiter are detected. The columns are recognized by their headings in
    English or Spanish, or by their content, and can be changed."""
    with _place():
        file = read_file(stated_name=query.file_name)
        found = upload(services().database, church_id=caller.church_id, file=file, actor=caller.actor)
        content = checked_import(services().database, found)
    return ApiResponse(status=201, content=content, headers={"Location": f"/api/imports/{found.import_id}"})


def upload(database: Database, *, church_id: UUID, file: UploadedFile, actor: Actor) -> Import:
    """Read the file and store it as a pending import. Raises RequestRefused (409, 422)."""
    with church_scope(database, church_id) as connection:
        fields = contact_fields.names(connection, church_id=church_id)
        _check_pending(imports.count_pending(connection, church_id))
    try:
        new = _read(file, church_id=church_id, fields=fields)
    except UnreadableFile as error:
        raise RequestRefused(problems.UNREADABLE_FILE, str(error)) from None
    with church_scope(database, church_id) as connection:
        contacts.lock_church(connection, church_id)
        _check_pending(imports.count_pending(connection, church_id))
        import_id = imports.add(connection, new)
        audit.record(
            connection,
            actor=actor,
            action="import.created",
            subject=str(import_id),
            church_id=church_id,
            details={"format": new.format, "rows": new.file_rows},
        )
        found = imports.get(connection, church_id=church_id, import_id=import_id)
    assert found is not None  # noqa: S101 - it was just added
    return found


def _read(file: UploadedFile, *, church_id: UUID, fields: list[str]) -> NewImport:
    """Raises UnreadableFile."""
    table = open_table(file.data)
    parts: list[bytes] = []
    rows = 0
    for content, count in imports.pack_parts(table.rows):
        parts.append(content)
        rows += count
    head = imports.unpack_part(parts[0])
    header = find_header(head)
    return NewImport(
        church_id=church_id,
        file_name=file.name,
        format=table.format,
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=None if table.sheet is None else table.sheet[:100],
        file_rows=rows,
        parts=parts,
        skipped_rows=header + 1,
        header_line=head[header].line if header >= 0 else None,
        columns=guess_columns(head, header, fields=fields),
    )


def _check_pending(pending: int) -> None:
    if pending >= MAX_PENDING:
        detail = f"{pending} files of the church wait to be started. Start or delete some of them."
        raise RequestRefused(problems.TOO_MANY_IMPORTS, detail)


@contextmanager
def _place() -> Generator[None]:
    """Wait a moment for one of the few places. Raises RequestRefused (503)."""
    if not _READ_AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise RequestRefused(
            problems.UNAVAILABLE,
            "Other files are being read at the moment. Nothing was stored.",
            headers={"Retry-After": str(problems.RETRY_AFTER_SECONDS)},
        )
    try:
        yield
    finally:
        _READ_AT_ONCE.release()
