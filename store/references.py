"""What refers to a group or to a field of contacts, so that it cannot be deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.merge_fields import has_braces, parse
from store import sql

_SQL = sql.load("references")

MOST_OF_A_KIND = 20
"""The most messages, schedules, groups and templates each that are returned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Something that needs a group or a field."""

    kind: Literal["message", "schedule", "group", "template"]
    reference_id: UUID


def find_of_group(connection: Connection[Any], *, church_id: UUID, group_id: UUID) -> list[Reference]:
    """Returns what needs the group: messages that are not expanded yet, schedules, and smart groups.

    After groups.lock(), nothing is added before the transaction ends.
    """
    names = {"church_id": church_id, "group_id": group_id, "row_limit": MOST_OF_A_KIND}
    with connection.cursor(row_factory=class_row(Reference)) as cursor:
        return cursor.execute(_SQL["find_references_of_group"], names).fetchall()


def find_of_field(connection: Connection[Any], *, church_id: UUID, name: str) -> list[Reference]:
    """Returns what needs a field of the church: messages that are not expanded yet, schedules, smart groups, templates.

    After contacts.lock_church() and contact_fields.lock(), nothing is added before the transaction ends.
    """
    names = {"church_id": church_id, "name": name, "row_limit": MOST_OF_A_KIND}
    with connection.cursor(row_factory=class_row(Reference)) as cursor:
        found = cursor.execute(_SQL["find_references_of_field"], names).fetchall()
    templates = connection.execute(_SQL["find_templates_with_word"], names).fetchall()
    needing = [template_id for template_id, *texts in templates if name in _fields_of(texts)]
    return found + [Reference(kind="template", reference_id=each) for each in needing[:MOST_OF_A_KIND]]


def _fields_of(texts: Iterable[Any]) -> set[str]:
    """Return the names of the merge fields in the texts of a template, which were checked when it was stored."""
    content, details = texts
    merged = [text for text in (content, *details.values()) if isinstance(text, str) and has_braces(text)]
    return {placed.field.name for text in merged for placed in parse(text).placed_fields}
