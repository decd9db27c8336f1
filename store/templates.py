"""Templates: texts that a church keeps, to send them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import sql

_SQL = sql.load("templates")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateDefinition:
    """What a church defines. `channel` None: for any channel."""

    name: str
    channel: str | None
    content: str
    details: Mapping[str, Any]
    """The channel's own fields, by their names in JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Template(TemplateDefinition):
    template_id: UUID
    created_at: datetime
    updated_at: datetime | None

    def is_defined_as(self, definition: TemplateDefinition) -> bool:
        """Returns whether it is what the definition says, apart from the case of its name."""
        return (self.channel, self.content, self.details) == (
            definition.channel,
            definition.content,
            definition.details,
        )


class NameTaken(Exception):
    """Another template of the church has the name."""


class TooManyTemplates(Exception):
    """The church has as many templates as it may have."""


def lock_church(connection: Connection[Any], church_id: UUID) -> None:
    """Keep other transactions from adding a template to the church until this one ends."""
    connection.execute(_SQL["lock_church"], {"church_id": church_id})


def create(
    connection: Connection[Any], definition: TemplateDefinition, *, church_id: UUID, limit: int
) -> tuple[Template, bool]:
    """Returns the template and whether it is new: False if the church has this template already.

    Call lock_church() first. Raises NameTaken if a different template has the name, and TooManyTemplates.
    """
    created = _one(connection, _SQL["insert_template"], _parameters(definition, church_id))
    if created is None:
        existing = _one(connection, _SQL["find_template_by_name"], {"church_id": church_id, "name": definition.name})
        if existing is None or not existing.is_defined_as(definition):
            raise NameTaken
        return existing, False
    row = connection.execute(_SQL["count_templates"], {"church_id": church_id}).fetchone()
    if row is not None and row[0] > limit:
        raise TooManyTemplates
    return created, True


def get(connection: Connection[Any], *, church_id: UUID, template_id: UUID) -> Template | None:
    return _one(connection, _SQL["get_template"], {"church_id": church_id, "template_id": template_id})


def lock(connection: Connection[Any], *, church_id: UUID, template_id: UUID) -> Template | None:
    """Lock and return the template, so that changes by several people are serialized."""
    return _one(connection, _SQL["lock_template"], {"church_id": church_id, "template_id": template_id})


def page(connection: Connection[Any], *, church_id: UUID, after: UUID | None, limit: int) -> list[Template]:
    """Returns up to `limit` templates after the id `after`, oldest first."""
    names = {"church_id": church_id, "after": after or sql.FIRST_ID, "row_limit": limit}
    with connection.cursor(row_factory=class_row(Template)) as cursor:
        return cursor.execute(_SQL["page_templates"], names).fetchall()


def change(
    connection: Connection[Any], definition: TemplateDefinition, *, church_id: UUID, template_id: UUID
) -> Template:
    """Replace the definition of an existing template. Raises NameTaken; then roll back."""
    try:
        changed = _one(
            connection,
            _SQL["change_template"],
            {**_parameters(definition, church_id), "template_id": template_id},
        )
    except UniqueViolation:
        raise NameTaken from None
    assert changed is not None  # noqa: S101 - it is locked
    return changed


def delete(connection: Connection[Any], *, church_id: UUID, template_id: UUID) -> None:
    connection.execute(_SQL["delete_template"], {"church_id": church_id, "template_id": template_id})


def _one(connection: Connection[Any], query: LiteralString, parameters: dict[str, Any]) -> Template | None:
    with connection.cursor(row_factory=class_row(Template)) as cursor:
        return cursor.execute(query, parameters).fetchone()


def _parameters(definition: TemplateDefinition, church_id: UUID) -> dict[str, Any]:
    return {
        "church_id": church_id,
        "name": definition.name,
        "channel": definition.channel,
        "content": definition.content,
        "details": Jsonb(dict(definition.details)),
    }
