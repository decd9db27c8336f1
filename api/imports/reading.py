"""GET /api/imports, one import, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from api import csv_table, problems, query_parameters
from api.authentication import with_key
from api.csv_table import Cell
from api.endpoints import ApiResponse, Download, ResponseSpec, endpoint
from api.imports.locked_import import read_import
from api.imports.responses import ImportPage, ImportView, import_view
from api.query_parameters import PageQuery
from api.services import services
from store import import_rows, imports
from store.api_keys import KeyHolder
from store.database import Database, church_scope
from store.import_rows import ReportedRow

REPORT_HEADINGS = ("line", "outcome", "column", "value", "reason")
_REPORT_ROWS = 1000
"""Rows of the report that are read at once."""
_KEPT = "was changed after the import, and was not undone"


@endpoint(
    "GET /api/imports",
    tag="Imports",
    summary="List imports",
    authentication=with_key("contacts:read"),
    query=PageQuery,
    responses=(ResponseSpec(status=200, description="One page.", content=ImportPage),),
)
def list_imports(*, caller: KeyHolder, query: PageQuery) -> ApiResponse:
    """Lists the church's imports, newest first. Pass `next` as `cursor` to get the following page."""
    with church_scope(services().database, caller.church_id) as connection:
        found = imports.page(connection, church_id=caller.church_id, before=query.cursor, limit=query.limit + 1)
    shown = found[: query.limit]
    page = ImportPage(
        items=[import_view(each) for each in shown],
        next=query_parameters.write_cursor(shown[-1].import_id) if len(found) > len(shown) else None,
    )
    return ApiResponse(status=200, content=page)


@endpoint(
    "GET /api/imports/<uuid:import_id>",
    tag="Imports",
    summary="Show an import",
    authentication=with_key("contacts:read"),
    responses=(ResponseSpec(status=200, description="The import, with its progress.", content=ImportView),),
    problems=(problems.NOT_FOUND,),
)
def get_import(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Returns the import. While it runs, `rowsDone` grows to `rows`."""
    with church_scope(services().database, caller.church_id) as connection:
        found = read_import(connection, church_id=caller.church_id, import_id=import_id)
    return ApiResponse(status=200, content=import_view(found))


@endpoint(
    "GET /api/imports/<uuid:import_id>/report",
    tag="Imports",
    summary="Download what was not taken",
    authentication=with_key("contacts:read"),
    responses=(ResponseSpec(status=200, description="The report.", files=(csv_table.MEDIA_TYPE,)),),
    problems=(problems.NOT_FOUND,),
)
def get_import_report(*, caller: KeyHolder, import_id: UUID) -> ApiResponse:
    """Returns a CSV file with each row that was refused: its line, the column and the cell that are wrong, and the
    reason. It also lists rows that were taken with a remark, such as a cell with several numbers, and, after undoing,
    those that could not be undone. Its rows are kept for 30 days after the import finished."""
    database = services().database
    with church_scope(database, caller.church_id) as connection:
        read_import(connection, church_id=caller.church_id, import_id=import_id)
    content = Download(
        media_type=f"{csv_table.MEDIA_TYPE}; charset=utf-8; header=present",
        file_name=f"import-{import_id}.csv",
        parts=report(database, church_id=caller.church_id, import_id=import_id),
    )
    return ApiResponse(status=200, content=content)


def report(database: Database, *, church_id: UUID, import_id: UUID) -> Iterator[bytes]:
    """Yield the report as CSV in UTF-8, some rows at a time, each time read in a transaction of its own."""
    yield csv_table.line(REPORT_HEADINGS).encode()
    after = -1
    while True:
        with church_scope(database, church_id) as connection:
            rows = import_rows.page_report(
                connection, church_id=church_id, import_id=import_id, after=after, limit=_REPORT_ROWS
            )
        yield "".join(csv_table.line(cells) for row in rows for cells in _report_lines(row)).encode("utf-8", "replace")
        if len(rows) < _REPORT_ROWS:
            return
        after = rows[-1].row_number


def _report_lines(row: ReportedRow) -> Iterator[tuple[Cell, ...]]:
    if row.reason is not None:
        outcome = "refused" if row.outcome == "refused" else "taken"
        yield row.line, outcome, row.column_name, row.value, row.reason
    if row.undone == "kept":
        yield row.line, "kept", None, None, _KEPT
