"""API keys: authentication, and what operators do with keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql
from store.audit import Actor
from store.database import Database, fetch_unscoped

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


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHolder:
    """An API key, the church that it authenticates, and its scopes."""

    api_key_id: UUID
    church_id: UUID
    scopes: list[str]

    @property
    def actor(self) -> Actor:
        """The key as the actor of a change."""
        return Actor(kind="key", name=str(self.api_key_id))


def add(
    connection: Connection[Any],
    *,
    church_id: UUID,
    label: str,
    secret_hash: bytes,
    scopes: list[str],
    hint: str | None = None,
    expires_at: datetime | None = None,
) -> UUID:
    """Insert an API key and return its id. `hint`: the last characters of the key, shown in lists."""
    row = connection.execute(
        _SQL["insert_key"],
        {
            "church_id": church_id,
            "label": label,
            "secret_hash": secret_hash,
            "scopes": scopes,
            "hint": hint,
            "expires_at": expires_at,
        },
    ).fetchone()
    assert row is not None  # noqa: S101 - INSERT RETURNING
    return row[0]


def find_holder(database: Database, secret_hash: bytes) -> KeyHolder | None:
    """Returns the holder of the key with this SHA-256; None if it does not exist, was revoked or has expired."""
    found = fetch_unscoped(database, _SQL["find_key"], {"secret_hash": secret_hash})
    return KeyHolder(api_key_id=found[0][0], church_id=found[0][1], scopes=found[0][2]) if found else None


def expired_at(database: Database, secret_hash: bytes) -> datetime | None:
    """Returns when the key with this SHA-256 expired; None if it has not, was revoked or does not exist."""
    return fetch_unscoped(database, _SQL["key_expired_at"], {"secret_hash": secret_hash})[0][0]


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
