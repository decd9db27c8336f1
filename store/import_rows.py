"""Takes the rows of an import, part by part, and undoes them. Everything is done in sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from messaging.contact_files.columns import Column
from messaging.contact_files.people import FilePerson, RefusedRow, is_blank, read_person
from messaging.contact_files.tables import Row
from store import imports, opt_outs, sql
from store.imports import PART_ROWS, Import

UNDONE_AT_ONCE = 1000
MOST_ROUNDS = 20
"""Rows about the same person are taken one after the other: so often within a part."""

_SQL = sql.load("import_rows")


@dataclass(frozen=True, kw_only=True, slots=True)
class RowPerson:
    """The person in a row of a file."""

    row_number: int
    """Among the rows of the file that are not blank, from 0."""
    line: int
    person: FilePerson


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedFileRow:
    row_number: int
    line: int
    reason: str
    column_name: str | None
    value: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PartRows:
    """The rows of a part, read."""

    people: Sequence[RowPerson]
    refused: Sequence[RefusedFileRow]
    erased: int
    """Rows of which nothing is left, because their person was erased."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """How many rows had which outcome."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    erased: int = 0
    grouped: int = 0
    opted_out: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in Taken.__slots__}

    def plus(self, other: Taken) -> Taken:
        return Taken(**{name: count + other.counts[name] for name, count in self.counts.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class Undone:
    removed: int
    restored: int
    kept: int
    rows: int
    """How many rows were seen. 0: all are undone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportedRow:
    row_number: int
    line: int
    outcome: str
    column_name: str | None
    value: str | None
    reason: str | None
    undone: str | None


def read_rows(into: Import, rows: Sequence[Row], *, part: int, regions: Collection[str]) -> PartRows:
    """Return the people in the rows of a part. `regions`: those whose numbers the church may text."""
    people: list[RowPerson] = []
    refused: list[RefusedFileRow] = []
    erased = 0
    for row_number, row in enumerate(rows, start=part * PART_ROWS):
        if row_number < into.skipped_rows:
            continue
        if is_blank(row.cells):
            erased += 1
            continue
        try:
            person = read_person(row.cells, into.columns, regions=regions)
        except RefusedRow as error:
            refused.append(_refused(row_number, row.line, error))
        else:
            people.append(RowPerson(row_number=row_number, line=row.line, person=person))
    return PartRows(people=people, refused=refused, erased=erased)


def _refused(row_number: int, line: int, error: RefusedRow) -> RefusedFileRow:
    column = error.column
    return RefusedFileRow(
        row_number=row_number,
        line=line,
        reason=error.reason,
        column_name=column_name(column) if column else None,
        value=error.value or None,
    )


def column_name(column: Column) -> str:
    """Return what the report calls the column: its heading, or its number."""
    return column.heading[:200] or f"column {column.number}"


def take(connection: Connection[Any], into: Import, rows: PartRows) -> Taken:
    """Store the people of a part, and what became of each row. The caller has locked the church.

    A row is never taken twice: its number is unique within the import.
    """
    people = _without_repetitions(rows.people, replaces=into.existing_policy == "replace")
    outcomes: Counter[str] = Counter(unchanged=len(rows.people) - len(people))
    left = {each.row_number: each for each in people}
    for _ in range(MOST_ROUNDS):
        if not left:
            break
        for row_number, outcome, is_grouped in connection.execute(
            _SQL["take_people"], _parameters(into, list(left.values()))
        ):
            outcomes[outcome] += 1
            outcomes["grouped"] += is_grouped
            del left[row_number]
    refused = [*rows.refused, *map(_too_often, left.values())]
    _record_refused(connection, into, refused)
    _opt_out(connection, into, rows.people)
    return Taken(
        created=outcomes["created"],
        updated=outcomes["updated"],
        unchanged=outcomes["unchanged"],
        refused=len(refused),
        erased=rows.erased,
        grouped=outcomes["grouped"],
        opted_out=sum(len(each.person.opted_out) for each in rows.people),
    )


def _without_repetitions(people: Sequence[RowPerson], *, replaces: bool) -> list[RowPerson]:
    """Return the rows without those that repeat the name and the addresses of an earlier one, which gets their values.

    A row with a remark stays, so that the report has it.
    """
    first: dict[tuple[str, str | None, str | None], RowPerson] = {}
    others: list[RowPerson] = []
    for row in people:
        key = (row.person.name, row.person.phone, row.person.email)
        earlier = first.get(key)
        if earlier is None:
            first[key] = row
        elif row.person.remark is not None:
            others.append(row)
        else:
            first[key] = replace(earlier, person=_merged(earlier.person, row.person, replaces=replaces))
    return sorted([*first.values(), *others], key=lambda row: row.row_number)


def _merged(earlier: FilePerson, later: FilePerson, *, replaces: bool) -> FilePerson:
    preferred, other = (later, earlier) if replaces else (earlier, later)
    return replace(
        earlier,
        time_zone=preferred.time_zone or other.time_zone,
        fields={**other.fields, **preferred.fields},
    )


def _too_often(row: RowPerson) -> RefusedFileRow:
    reason = f"is about a person of whom more than {MOST_ROUNDS} different rows are near"
    return RefusedFileRow(row_number=row.row_number, line=row.line, reason=reason, column_name=None, value=None)


def _parameters(into: Import, rows: Sequence[RowPerson]) -> dict[str, Any]:
    people = [row.person for row in rows]
    columns = [person.remark_column for person in people]
    return {
        "import_id": into.import_id,
        "church_id": into.church_id,
        "group_id": into.group_id,
        "replaces": into.existing_policy == "replace",
        "row_numbers": [row.row_number for row in rows],
        "lines": [row.line for row in rows],
        "names": [person.name for person in people],
        "phones": [person.phone for person in people],
        "emails": [person.email for person in people],
        "regions": [person.location.region if person.location else None for person in people],
        "number_zones": [person.location.zones if person.location else None for person in people],
        "time_zones": [person.time_zone for person in people],
        "fields": [Jsonb(dict(person.fields)) for person in people],
        "reasons": [person.remark for person in people],
        "column_names": [column_name(column) if column else None for column in columns],
        "values": [person.remark_value for person in people],
    }


def _record_refused(connection: Connection[Any], into: Import, refused: Sequence[RefusedFileRow]) -> None:
    if not refused:
        return
    names = {
        "import_id": into.import_id,
        "church_id": into.church_id,
        "row_numbers": [row.row_number for row in refused],
        "lines": [row.line for row in refused],
        "reasons": [row.reason for row in refused],
        "column_names": [row.column_name for row in refused],
        "values": [row.value for row in refused],
    }
    connection.execute(_SQL["record_refused"], names)


def _opt_out(connection: Connection[Any], into: Import, rows: Sequence[RowPerson]) -> None:
    stated = [
        (address, f"{into.file_name}, line {row.line}, import {into.import_id}")
        for row in rows
        for address in row.person.opted_out
    ]
    if stated:
        opt_outs.opt_out_addresses(
            connection, church_id=into.church_id, stated=stated, source=opt_outs.IMPORT, actor=into.started_by
        )


def undo(connection: Connection[Any], into: Import) -> Undone:
    """Undo up to UNDONE_AT_ONCE rows, the last first, and count them. The caller has locked the church."""
    names = {
        "import_id": into.import_id,
        "church_id": into.church_id,
        "group_id": into.group_id,
        "row_limit": UNDONE_AT_ONCE,
    }
    with connection.cursor(row_factory=class_row(Undone)) as cursor:
        undone = cursor.execute(_SQL["undo_rows"], names).fetchone()
    assert undone is not None  # noqa: S101 - counts are always returned
    counts = {"removed": undone.removed, "restored": undone.restored, "kept": undone.kept}
    imports.record_undone(connection, into.import_id, counts)
    if not undone.rows:
        imports.finish_undoing(connection, into.import_id)
    return undone


def page_report(
    connection: Connection[Any], *, church_id: UUID, import_id: UUID, after: int, limit: int
) -> list[ReportedRow]:
    """Returns rows after the number `after` that were refused, have a remark, or could not be undone."""
    names = {"church_id": church_id, "import_id": import_id, "after": after, "row_limit": limit}
    with connection.cursor(row_factory=class_row(ReportedRow)) as cursor:
        return cursor.execute(_SQL["page_reported_rows"], names).fetchall()
