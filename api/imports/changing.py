"""PATCH /api/imports/{id}."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from psycopg import Connection
from pydantic import Field, Strict

from api import problems
from api.authentication import with_key
from api.base_models import RequestModel
from api.contacts.field_values import FieldName
from api.endpoints import ApiResponse, ResponseSpec, endpoint
from api.groups.creating import GroupName
from api.imports.checking import checked_import
from api.imports.locked_import import lock_import, wrong_state
from api.imports.responses import CheckedImport
from api.imports.target_group import with_group_id, with_group_name
from api.problems import FieldError, RequestRefused
from api.services import services
from messaging.contact_files.columns import Column, guess_columns
from messaging.contact_files.headings import Target
from messaging.contact_files.limits import MAX_COLUMNS, MAX_ROWS
from store import audit, contact_fields, imports
from store.api_keys import KeyHolder
from store.database import church_scope
from store.imports import Import


class ColumnChoice(RequestModel):
    """What a column is taken for."""

    column: int = Field(ge=1, le=MAX_COLUMNS, description="From 1.")
    target: Target
    field: FieldName | None = Field(
        default=None, description="With the target `field`: its name. The default is made of the heading."
    )


class ImportOptions(RequestModel):
    """What to change. What is absent stays."""

    header_row: int | None = Field(
        default=None, ge=0, le=10 * MAX_ROWS, description="The line of the headings; 0: none. Guesses the columns anew."
    )
    columns: list[ColumnChoice] | None = Field(
        default=None,
        max_length=MAX_COLUMNS,
        description="What columns are taken for. Columns that are not listed stay.",
    )
    other_columns: Literal["ignore", "fields"] | None = Field(
        default=None, description="`fields`: columns that are ignored so far become fields of the contacts."
    )
    existing: Literal["keep", "replace"] | None = Field(
        default=None,
        description="Of contacts that are there: `keep` fills only what is empty, `replace` takes what the file says.",
    )
    group_id: Annotated[UUID, Strict(False)] | None = Field(
        default=None, description="The group to which all people of the file are added; null: none."
    )
    group_name: GroupName | None = Field(
        default=None,
        description=(
            "The name of the group to which all people of the file are added, instead of `groupId`; null: none. It is "
            "created when the import is started, unless the church has it then."
        ),
    )


@endpoint(
    "PATCH /api/imports/<uuid:import_id>",
    tag="Imports",
    summary="Change what an import would do",
    authentication=with_key("contacts:write"),
    body=ImportOptions,
    example={"columns": [{"column": 3, "target": "phone"}], "existing": "replace"},
    responses=(ResponseSpec(status=200, description="What would happen now.", content=CheckedImport),),
    problems=(problems.NOT_FOUND, problems.WRONG_STATE),
)
def change_import(*, caller: KeyHolder, import_id: UUID, body: ImportOptions) -> ApiResponse:
    """Changes what the columns of a file are taken for, and the options, before the import is started. Returns what
    would happen now, as the upload does."""
    database = services().database
    with church_scope(database, caller.church_id) as connection:
        found = lock_import(connection, church_id=caller.church_id, import_id=import_id)
        if found.status != "pending":
            raise wrong_state(found, "only one that is not started can be changed")
        changed = _changed(connection, found, body)
        imports.set_options(connection, changed)
        audit.record(
            connection,
            actor=caller.actor,
            action="import.changed",
            subject=str(import_id),
            church_id=caller.church_id,
            details={"changed": sorted(body.model_fields_set)},
        )
    return ApiResponse(status=200, content=checked_import(database, changed))


def _changed(connection: Connection[Any], found: Import, body: ImportOptions) -> Import:
    if body.group_id is not None and body.group_name is not None:
        raise _invalid("groupName", "cannot be stated together with groupId")
    if body.header_row is not None:
        found = _with_header(connection, found, body.header_row)
    if body.columns is not None:
        found = replace(found, columns=_with_choices(found.columns, body.columns))
    if body.other_columns == "fields":
        columns = [replace(each, target="field") if each.target == "ignore" else each for each in found.columns]
        found = replace(found, columns=columns)
    _check_columns(found.columns)
    if body.existing is not None:
        found = replace(found, existing_policy=body.existing)
    if "group_name" in body.model_fields_set:
        found = with_group_name(found, body.group_name)
    if "group_id" in body.model_fields_set:
        found = with_group_id(connection, found, body.group_id)
    return found


def _with_header(connection: Connection[Any], found: Import, line: int) -> Import:
    content = imports.read_part(connection, found.import_id, 0)
    head = imports.unpack_part(content) if content is not None else []
    index = next((index for index, row in enumerate(head) if row.line == line), -1)
    if line and index < 0:
        raise _invalid("headerRow", "is not one of the first rows of the file that are not blank")
    fields = contact_fields.names(connection, church_id=found.church_id)
    columns = guess_columns(head, index, fields=fields)
    return replace(found, header_line=line or None, skipped_rows=index + 1, columns=columns)


def _with_choices(columns: Sequence[Column], choices: Sequence[ColumnChoice]) -> list[Column]:
    by_number = {column.number: column for column in columns}
    for index, choice in enumerate(choices):
        column = by_number.get(choice.column)
        if column is None:
            raise _invalid(f"columns[{index}].column", f"must be at most {len(columns)}, the columns of the file")
        by_number[choice.column] = replace(column, target=choice.target, field=choice.field or column.field)
    return [by_number[column.number] for column in columns]


def _check_columns(columns: Collection[Column]) -> None:
    targets = Counter(column.target for column in columns if column.target not in ("ignore", "field"))
    if repeated := [target for target, count in targets.items() if count > 1]:
        raise _invalid("columns", f"take more than one column for {', '.join(repeated)}")
    fields = Counter(column.field for column in columns if column.target == "field")
    if repeated := [name for name, count in fields.items() if count > 1]:
        raise _invalid("columns", f"take more than one column for the field {repeated[0]}")


def _invalid(field: str, message: str) -> RequestRefused:
    return RequestRefused(
        problems.INVALID, "The import cannot be done in this way.", errors=[FieldError(field=field, message=message)]
    )
