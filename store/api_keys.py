"""API keys for operators: list, get, revoke. Authentication looks keys up with store.churches.find_key()."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("api_keys")


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A stored key. The database has only the hash of the secret."""

    api_key_id: UUID
    church_id: UUID
    church_name: str
    label: str
    hint: str | None
    """The last characters of the key; None for keys that an older release created."""
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """Accurate to the hour."""


def list_keys(connection: Connection[Any], *, church_id: UUID | None) -> list[ApiKey]:
    """Returns the keys of one church or of all, by name of the church, then oldest first."""
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_SQL["list_keys"], {"church_id": church_id}).fetchall()


def get(connection: Connection[Any], api_key_id: UUID) -> ApiKey | None:
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_SQL["get_key"], {"api_key_id": api_key_id, "secret_hash": None}).fetchone()


def find(connection: Connection[Any], secret_hash: bytes) -> ApiKey | None:
    """Returns the key with this SHA-256, even if it was revoked or has expired."""
    with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        return cursor.execute(_SQL["get_key"], {"api_key_id": None, "secret_hash": secret_hash}).fetchone()


def revoke(connection: Connection[Any], api_key_id: UUID) -> bool:
    """Revoke the key, from the next request on. Returns False if it was revoked before or does not exist."""
    return connection.execute(_SQL["revoke_key"], {"api_key_id": api_key_id}).rowcount > 0
