"""The audit: who changed what. Rows are only added, in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import sql

ActorKind = Literal["key", "operator", "command", "service"]

_SQL = sql.load("audit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who made a change."""

    kind: ActorKind
    name: str
    """The id of the key, the operator's name, the user and host of a command, or the job of the service."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEvent:
    """One entry of the audit."""

    audit_event_id: UUID
    happened_at: datetime
    church_id: UUID | None
    actor_kind: ActorKind
    actor: str
    action: str
    """The kind of what was changed and the change, such as `sender.resumed`."""
    subject: str
    """The id or name of what was changed."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


def record(
    connection: Connection[Any],
    *,
    actor: Actor,
    action: str,
    subject: str,
    church_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, in the transaction of the change: neither is stored without the other.

    `details` has the names of the API's JSON. It must not contain texts of messages, secrets or whole addresses.
    """
    connection.execute(
        _SQL["record"],
        {
            "church_id": church_id,
            "actor_kind": actor.kind,
            "actor": actor.name,
            "action": action,
            "subject": subject,
            "details": Jsonb(dict(details or {})),
        },
    )


def list_events(
    connection: Connection[Any],
    *,
    limit: int,
    before: UUID = sql.LAST_ID,
    church_id: UUID | None = None,
    subject: str | None = None,
) -> list[AuditEvent]:
    """Returns at most `limit` entries before the one with the id `before`, the newest first."""
    with connection.cursor(row_factory=class_row(AuditEvent)) as cursor:
        return cursor.execute(
            _SQL["list_events"], {"before": before, "church_id": church_id, "subject": subject, "limit": limit}
        ).fetchall()
