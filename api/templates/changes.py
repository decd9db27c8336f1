"""What creating and changing a template have in common."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.problems import RequestRefused
from api.templates.definition import merge_field_errors
from store import audit
from store.api_keys import KeyHolder
from store.templates import TemplateDefinition


def refuse_unknown_fields(connection: Connection[Any], caller: KeyHolder, definition: TemplateDefinition) -> None:
    """Raise RequestRefused (422) if a text has a merge field that contacts do not have."""
    if errors := merge_field_errors(connection, caller.church_id, definition):
        raise RequestRefused(problems.INVALID, "Some fields of the body have errors.", errors=errors)


def name_taken(name: str) -> RequestRefused:
    return RequestRefused(problems.ALREADY_EXISTS, f"Another template is named {name}.")


def record_change(
    connection: Connection[Any], caller: KeyHolder, action: str, template_id: UUID, **details: Any
) -> None:
    """Record in the audit that the key changed the template."""
    audit.record(
        connection,
        actor=caller.actor,
        action=action,
        subject=str(template_id),
        church_id=caller.church_id,
        details=details,
    )
