"""Sessions of the operator pages: one row for each, deleted when it ends."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from store import sql

_SQL = sql.load("operator_sessions")


def begin(connection: Connection[Any], session_hash: bytes, *, lifetime_seconds: float) -> None:
    """Insert a session, and delete those that have expired."""
    delete_expired(connection)
    connection.execute(_SQL["begin_session"], {"session_hash": session_hash, "lifetime_seconds": lifetime_seconds})


def delete_expired(connection: Connection[Any]) -> None:
    """Delete the sessions that have expired."""
    connection.execute(_SQL["delete_expired_sessions"])


def is_open(connection: Connection[Any], session_hash: bytes) -> bool:
    """Whether the session exists and has not expired."""
    row = connection.execute(_SQL["has_session"], {"session_hash": session_hash}).fetchone()
    return bool(row and row[0])


def end(connection: Connection[Any], session_hash: bytes) -> None:
    """Delete the session, if it exists."""
    connection.execute(_SQL["end_session"], {"session_hash": session_hash})
