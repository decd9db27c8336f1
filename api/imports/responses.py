"""The responses about imports."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from api.base_models import ResponseModel, Timestamp
from messaging.contact_files.headings import Target
from store.imports import ExistingPolicy, Import, ImportStatus


class ImportColumn(ResponseModel):
    """A column of the file, and what it is taken for."""

    column: int = Field(description="From 1.")
    heading: str = Field(description="Empty if the file has none.")
    target: Target = Field(description="What the column is taken for: guessed, or as it was chosen.")
    field: str = Field(description="The name of the contact's field, if `target` is `field`; otherwise a proposal.")


class ImportCounts(ResponseModel):
    """What became of the rows so far. When the import has finished, the first five add up to `rows`."""

    created: int = Field(description="Rows that added a contact.")
    updated: int = Field(description="Rows that changed a contact that was there.")
    unchanged: int = Field(description="Rows whose contact was there, with all that the row says.")
    refused: int = Field(description="Rows that were not taken: the report lists each.")
    erased: int = Field(description="Rows whose person was erased after the file was uploaded.")
    added_to_group: int = Field(description="Contacts that became members of the group.")
    opted_out: int = Field(description="Addresses that the file states as opted out.")


class UndoneCounts(ResponseModel):
    """What undoing has done so far."""

    removed: int = Field(description="Contacts that the import had added, which were deleted.")
    restored: int = Field(description="Changed contacts that are as they were before.")
    kept: int = Field(
        description="Contacts that were changed since, and are left as they are: the report lists each row."
    )


class RowProblem(ResponseModel):
    """A row that would be refused."""

    line: int = Field(description="The line of the file in which the row begins, or its number in the sheet.")
    column: str | None = Field(description="The heading of the column; null if the row as a whole is refused.")
    value: str | None
    reason: str


class ImportCheck(ResponseModel):
    """What would happen if the import were started now. Nothing is stored."""

    rows: int = Field(description="How many rows were looked at.")
    is_whole_file: bool = Field(description="Whether these are all. Of a large file only the first rows are looked at.")
    created: int
    updated: int
    unchanged: int
    refused: int
    opted_out: int
    problems: list[RowProblem] = Field(description="The first rows that would be refused.")
    missing: list[Literal["name", "address"]] = Field(
        description="What no column is taken for yet. Without a name, and a phone or email, nothing can be started."
    )


class ImportView(ResponseModel):
    """An import of a file."""

    id: UUID
    file_name: str
    format: Literal["csv", "xlsx"]
    encoding: str | None = Field(description="Of CSV.")
    delimiter: str | None = Field(description="Of CSV.")
    sheet: str | None = Field(description="Of a workbook, the sheet that is read: the first that is not hidden.")
    status: ImportStatus
    rows: int = Field(description="The rows with people: neither blank, nor the header or above it.")
    rows_done: int = Field(description="The progress: of `rows`.")
    header_row: int = Field(description="The line of the headings; 0 if the file has none.")
    columns: list[ImportColumn]
    existing: ExistingPolicy
    group_id: UUID | None = Field(description="The group to which the people are added.")
    group_name: str | None = Field(
        description="The name of the group, if it was stated by name: `groupId` follows when the import is started."
    )
    counts: ImportCounts
    undone: UndoneCounts
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    undone_at: Timestamp | None
    expired_at: Timestamp | None = Field(
        description="When what is needed to undo it was deleted, 30 days after it finished."
    )


class CheckedImport(ImportView):
    """An import that is not started yet, with what would happen."""

    first_rows: list[list[str]] = Field(description="The first rows of the file, as they were read.")
    check: ImportCheck


class ImportPage(ResponseModel):
    """Imports, newest first."""

    items: list[ImportView]
    next: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last page.")


def import_view(found: Import) -> ImportView:
    return ImportView(
        id=found.import_id,
        file_name=found.file_name,
        format="xlsx" if found.format == "xlsx" else "csv",
        encoding=found.encoding,
        delimiter=found.delimiter,
        sheet=found.sheet,
        status=found.status,
        rows=found.rows,
        rows_done=found.rows_done,
        header_row=found.header_line or 0,
        columns=[
            ImportColumn(column=each.number, heading=each.heading, target=each.target, field=each.field)
            for each in found.columns
        ],
        existing=found.existing_policy,
        group_id=found.group_id,
        group_name=found.group_name,
        counts=ImportCounts(
            created=found.created,
            updated=found.updated,
            unchanged=found.unchanged,
            refused=found.refused,
            erased=found.erased,
            added_to_group=found.grouped,
            opted_out=found.opted_out,
        ),
        undone=UndoneCounts(removed=found.removed, restored=found.restored, kept=found.kept),
        created_at=found.created_at,
        started_at=found.started_at,
        finished_at=found.finished_at,
        undone_at=found.undone_at,
        expired_at=found.expired_at,
    )
