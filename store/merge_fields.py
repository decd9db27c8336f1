"""The merge fields of a message as they are stored: what PostgreSQL merges them with (0023_merge_fields.sql)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from messaging.contact_fields import BUILT_IN_FIELDS
from messaging.merge_fields import MergeField, MergeText
from store import sql

_SQL = sql.load("merge_fields")

StoredMergeFields = dict[str, Any]
"""The column `merge_fields` of messages and schedules."""


def to_store(
    texts: Mapping[str, MergeText], *, longest: Mapping[str, int], needs_text: bool, counts_segments: bool
) -> StoredMergeFields:
    """Returns what is stored for the texts of one message: its `content`, and details such as a `subject`.

    `longest`: the most characters of each text of one recipient. `needs_text`: a recipient for whom a text is empty
    gets nothing. `counts_segments`: whether the segments depend on the text.
    """
    fields = list(dict.fromkeys(placed.field for text in texts.values() for placed in text.placed_fields))
    return {
        "fields": [
            {"name": each.name, "default": each.default, "before": each.before, "after": each.after} for each in fields
        ],
        "texts": [
            {"name": name, "format": _format(texts[name], fields), "longest": longest[name]}
            for name in sorted(texts, key=lambda name: name != "content")
        ],
        "needsText": needs_text,
        "countsSegments": counts_segments,
    }


def with_content(stored: StoredMergeFields, content: MergeText) -> StoredMergeFields:
    """Returns the same merge fields with another `content`, which has no field that the former did not have."""
    fields = [MergeField(**each) for each in stored["fields"]]
    texts = [
        {**text, "format": _format(content, fields)} if text["name"] == "content" else text for text in stored["texts"]
    ]
    return {**stored, "texts": texts}


def lock_fields(connection: Connection[Any], *, church_id: UUID, fields: Collection[str]) -> set[str]:
    """Returns those of the names that are fields of the church. They are not deleted before the transaction ends."""
    names = {"church_id": church_id, "field_names": list(fields)}
    return {name for (name,) in connection.execute(_SQL["lock_fields"], names)}


def longest_values(connection: Connection[Any], *, church_id: UUID, fields: Collection[str]) -> dict[str, int]:
    """Returns the most characters of each of these fields among the contacts of the church."""
    names = {"church_id": church_id, "field_names": list(fields)}
    return {field: longest or 0 for field, longest in connection.execute(_SQL["longest_values"], names)}


def list_removed_fields(connection: Connection[Any], *, church_id: UUID, schedule_id: UUID) -> list[str]:
    """Returns the merge fields in the text of a schedule that contacts do not have any more."""
    names = {"church_id": church_id, "schedule_id": schedule_id, "built_in_fields": list(BUILT_IN_FIELDS)}
    return [name for (name,) in connection.execute(_SQL["list_removed_fields"], names)]


def _format(text: MergeText, fields: list[MergeField]) -> str:
    """Return the text as a format string of PostgreSQL's format(): %1$s stands for the first of the fields."""
    numbers = {each: number for number, each in enumerate(fields, start=1)}
    return "".join(
        part.replace("%", "%%") if isinstance(part, str) else f"%{numbers[part.field]}$s" for part in text.parts
    )
