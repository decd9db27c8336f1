"""Incidents that operators are told of, and the silences in which they are recorded but not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import sql

_SQL = sql.load("incidents")

ALL_KINDS = "all"
"""The kind of a silence of everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredIncident:
    """A row of `incidents`."""

    incident_id: UUID
    kind: str
    subject: str
    opened_at: datetime
    last_seen_at: datetime
    told_at: datetime | None
    recovered_at: datetime | None
    summary: str
    facts: Mapping[str, Any]
    checks_to_recover: int
    notices: Sequence[Mapping[str, Any]]
    """As jobs/monitoring/notices.py writes them."""
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Incidents of the kind, or of all kinds, are not told until then."""

    kind: str
    silent_until: datetime
    reason: str
    created_by: str


def load(connection: Connection[Any]) -> list[StoredIncident]:
    """Returns the open incidents, and those that recovered within the last hour."""
    with connection.cursor(row_factory=class_row(StoredIncident)) as cursor:
        return cursor.execute(_SQL["load_incidents"]).fetchall()


def list_recent(connection: Connection[Any], *, limit: int) -> list[StoredIncident]:
    """Returns the open incidents, the newest first, then at most `limit` that have recovered."""
    with connection.cursor(row_factory=class_row(StoredIncident)) as cursor:
        return cursor.execute(_SQL["list_incidents"], {"row_limit": limit}).fetchall()


def insert(connection: Connection[Any], incident: StoredIncident) -> bool:
    """Returns False if one of the same kind and subject is open or was open meanwhile, or if this one is stored."""
    return connection.execute(_SQL["insert_incident"], _parameters(incident)).rowcount == 1


def update(connection: Connection[Any], incident: StoredIncident) -> bool:
    """Store its next version. Returns False if another watcher changed it since it was read."""
    return connection.execute(_SQL["update_incident"], _parameters(incident)).rowcount == 1


def delete_recovered(connection: Connection[Any], *, older_than_days: float, limit: int = 1000) -> int:
    """Delete at most `limit` incidents that recovered so long ago, the oldest first. Returns how many."""
    names = {"older_than_days": older_than_days, "row_limit": limit}
    return connection.execute(_SQL["delete_recovered"], names).rowcount


def load_silences(connection: Connection[Any]) -> list[Silence]:
    """Returns the silences that have not ended."""
    with connection.cursor(row_factory=class_row(Silence)) as cursor:
        return cursor.execute(_SQL["load_silences"]).fetchall()


def silence(connection: Connection[Any], *, kind: str, hours: float, reason: str, created_by: str) -> datetime:
    """Silence the kind from now on, in place of any earlier silence of it. Returns when it ends."""
    connection.execute(_SQL["delete_ended_silences"])
    names = {"kind": kind, "hours": hours, "reason": reason, "created_by": created_by}
    row = connection.execute(_SQL["silence"], names).fetchone()
    assert row is not None  # noqa: S101 - the statement always returns a row
    return row[0]


def end_silence(connection: Connection[Any], *, kind: str) -> bool:
    """Returns whether there was one."""
    return connection.execute(_SQL["end_silence"], {"kind": kind}).rowcount == 1


def _parameters(incident: StoredIncident) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "kind": incident.kind,
        "subject": incident.subject,
        "opened_at": incident.opened_at,
        "last_seen_at": incident.last_seen_at,
        "told_at": incident.told_at,
        "recovered_at": incident.recovered_at,
        "summary": incident.summary,
        "facts": Jsonb(dict(incident.facts)),
        "checks_to_recover": incident.checks_to_recover,
        "notices": Jsonb([dict(notice) for notice in incident.notices]),
        "version": incident.version,
    }
