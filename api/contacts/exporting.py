"""GET /api/contacts/export: the contacts as a file that can be imported again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from psycopg import Connection
from pydantic import Field, Strict

from api import csv_table, problems
from api.analytics.csv_rows import shown_time
from api.authentication import with_key
from api.base_models import RequestModel
from api.endpoints import ApiResponse, Download, ResponseSpec, endpoint
from api.problems import FieldError, RequestRefused
from api.services import services
from messaging.contact_files.formula_guard import guard, guard_typed
from messaging.contact_files.tables import XLSX_MEDIA_TYPE
from messaging.contact_files.xlsx_writer import write_workbook
from messaging.group_conditions import parse_condition
from store import audit, contact_export, contact_fields, groups, smart_groups
from store.api_keys import KeyHolder
from store.contact_export import ExportedContact
from store.database import Database, church_scope
from store.groups import Group

HEADINGS = ("Name", "Phone", "E-mail", "Time zone", "Texts opted out", "Mail opted out")
PAGE_ROWS = 250
"""Contacts that are read and written at once: what an export takes of memory."""

Page = list[Sequence[str]]


class ExportQuery(RequestModel):
    """The query parameters of an export."""

    format: Literal["csv", "xlsx"] = Field(default="csv", description="CSV in UTF-8, or an Excel workbook.")
    group_id: Annotated[UUID, Strict(False)] | None = Field(
        default=None, description="Only the members of this group. The default is all contacts."
    )


@endpoint(
    "GET /api/contacts/export",
    tag="Contacts",
    summary="Export contacts as a file",
    authentication=with_key("contacts:read"),
    query=ExportQuery,
    responses=(
        ResponseSpec(
            status=200, description="The file. It has no fixed length.", files=(csv_table.MEDIA_TYPE, XLSX_MEDIA_TYPE)
        ),
    ),
)
def export_contacts(*, caller: KeyHolder, query: ExportQuery) -> ApiResponse:
    """Returns the contacts, oldest first, as CSV or as an Excel workbook: name, phone, e-mail address, time zone, when
    the addresses were opted out, and the church's own fields. Importing the file again changes nothing.

    A text that a spreadsheet would take for a formula begins with an apostrophe, also a phone number in CSV. An import
    takes it away."""
    database = services().database
    with church_scope(database, caller.church_id) as connection:
        group = None if query.group_id is None else _known_group(connection, caller.church_id, query.group_id)
        fields = contact_fields.names(connection, church_id=caller.church_id)
        audit.record(
            connection,
            actor=caller.actor,
            action="contacts.exported",
            subject=str(query.group_id or caller.church_id),
            church_id=caller.church_id,
            details={"format": query.format},
        )
    pages = table(database, church_id=caller.church_id, group=group, fields=fields)
    content = Download(
        media_type=XLSX_MEDIA_TYPE
        if query.format == "xlsx"
        else f"{csv_table.MEDIA_TYPE}; charset=utf-8; header=present",
        file_name=f"contacts.{query.format}",
        parts=xlsx_parts(pages) if query.format == "xlsx" else csv_parts(pages),
    )
    return ApiResponse(status=200, content=content)


def table(database: Database, *, church_id: UUID, group: Group | None, fields: Sequence[str]) -> Iterator[Page]:
    """Yield the headings with the first rows, then the others page by page, each read in a transaction of its own.

    `group`: only its members; of a smart group, those who meet its present condition when their page is read.
    """
    after: UUID | None = None
    page: Page = [[*HEADINGS, *fields]]
    while True:
        with church_scope(database, church_id) as connection:
            found = _page(connection, church_id=church_id, group=group, after=after)
        page += (_row(contact, fields) for contact in found)
        yield page
        if len(found) < PAGE_ROWS:
            return
        after, page = found[-1].contact_id, []


def _page(
    connection: Connection[Any], *, church_id: UUID, group: Group | None, after: UUID | None
) -> list[ExportedContact]:
    if group is None or group.condition is None:
        group_id = None if group is None else group.group_id
        return contact_export.page(connection, church_id=church_id, group_id=group_id, after=after, limit=PAGE_ROWS)
    ids = smart_groups.page_ids(
        connection, church_id=church_id, condition=parse_condition(group.condition), after=after, limit=PAGE_ROWS
    )
    return contact_export.get_several(connection, church_id=church_id, contact_ids=ids)


def csv_parts(pages: Iterator[Page]) -> Iterator[bytes]:
    """Yield the table as CSV in UTF-8, with a byte order mark, by which Excel recognizes it."""
    mark = "\ufeff"
    for page in pages:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([guard(cell) for cell in row] for row in page)
        yield (mark + text.getvalue()).encode("utf-8", "replace")
        mark = ""


def xlsx_parts(pages: Iterator[Page]) -> Iterator[bytes]:
    """Yield the table as an Excel workbook."""
    return write_workbook("Contacts", (([guard_typed(cell) for cell in row] for row in page) for page in pages))


def _row(contact: ExportedContact, fields: Sequence[str]) -> Sequence[str]:
    return (
        contact.name,
        contact.phone or "",
        contact.email or "",
        contact.time_zone or "",
        _time(contact.opted_out_at),
        _time(contact.mail_opted_out_at),
        *(contact.fields.get(name, "") for name in fields),
    )


def _time(moment: datetime | None) -> str:
    return shown_time(moment) or ""


def _known_group(connection: Connection[Any], church_id: UUID, group_id: UUID) -> Group:
    group = groups.get(connection, church_id=church_id, group_id=group_id)
    if group is None:
        error = FieldError(field="groupId", message="is not a group of this church")
        raise RequestRefused(problems.INVALID, "The group cannot be exported.", errors=[error])
    return group
