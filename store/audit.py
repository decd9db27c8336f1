"""The audit: who changed what. Rows are only added, in the transaction of the change itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

import logs
from store import sql

ActorKind = Literal["key", "operator", "command", "service"]

_SQL = sql.load("audit")
_LONGEST_TRANSACTION = timedelta(hours=1)
"""Far longer than any transaction that records an entry may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who made a change."""

    kind: ActorKind
    name: str
    """The id of the key, the operator's name, the user and host of a command, or the part of the service."""


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
    actor_label: str | None = None
    """The label of the key, as it is now. None for other actors."""


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

    `details` has the names of the API's JSON. It must not contain texts of messages or secrets. Phone numbers and mail
    addresses in it, and in the subject, are masked.
    """
    connection.execute(
        _SQL["record"],
        {
            "church_id": church_id,
            "actor_kind": actor.kind,
            "actor": actor.name,
            "action": action,
            "subject": logs.mask_addresses(subject),
            "details": Jsonb(dict(details or {}), dumps=_masked_json),
        },
    )


def _masked_json(details: object) -> str:
    return logs.mask_addresses(json.dumps(details))


def list_events(
    connection: Connection[Any],
    *,
    limit: int,
    before: UUID = sql.LAST_ID,
    church_id: UUID | None = None,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[AuditEvent]:
    """Returns at most `limit` entries before the one with the id `before`, the newest first, that match the filters.

    `actor` is as in Actor.name. `since` is included, `until` is not.
    """
    if church_id is None and subject is None and actor is not None:
        church_id = _church_of_key(connection, actor)
    names = {
        "church_id": church_id,
        "actor": actor,
        "action": action,
        "subject": subject,
        "since": since,
        "until": until,
        "before": before if until is None else min(before, sql.first_id_at(until + _LONGEST_TRANSACTION)),
        "after": sql.FIRST_ID if since is None else sql.first_id_at(since),
        "row_limit": limit,
    }
    with connection.cursor(row_factory=class_row(AuditEvent)) as cursor:
        found = cursor.execute(_page(church_id=church_id, actor=actor, subject=subject), names).fetchall()
    return _with_labels(connection, found)


def _page(*, church_id: UUID | None, actor: str | None, subject: str | None) -> LiteralString:
    """Return the query whose index leaves the fewest rows to read."""
    if subject is not None:
        return _SQL["page_events_of_subject"]
    if church_id is not None:
        return _SQL["page_events_of_church"]
    return _SQL["page_events"] if actor is None else _SQL["page_events_of_actor"]


def _with_labels(connection: Connection[Any], events: Sequence[AuditEvent]) -> list[AuditEvent]:
    keys = {event.actor for event in events if event.actor_kind == "key"}
    labels = {actor: label for actor, _, label in _keys(connection, keys)}
    return [replace(event, actor_label=labels.get(event.actor)) for event in events]


def _church_of_key(connection: Connection[Any], actor: str) -> UUID | None:
    """Return the church of the key with this id; None for other actors."""
    try:
        return next((church_id for _, church_id, _ in _keys(connection, {str(UUID(actor))})), None)
    except ValueError:
        return None


def _keys(connection: Connection[Any], api_key_ids: set[str]) -> list[tuple[str, UUID, str]]:
    if not api_key_ids:
        return []
    return connection.execute(_SQL["find_key_labels"], {"api_key_ids": list(api_key_ids)}).fetchall()
