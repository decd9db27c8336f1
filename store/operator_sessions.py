"""Sessions of the operator pages: one row for each, deleted when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql
from store.audit import Actor
from store.operators import SHARED_NAME

_SQL = sql.load("operator_sessions")


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorSession:
    """An open session."""

    session_id: UUID
    operator_id: UUID | None
    """None if the session began with OPERATOR_PASSWORD."""
    name: str
    """The operator's name."""
    created_at: datetime
    expires_at: datetime
    login_address: str | None
    """From where the login came. None for sessions that the former release began."""

    @property
    def actor(self) -> Actor:
        """The operator as the actor of a change."""
        return Actor(kind="operator", name=self.name)


def begin(
    connection: Connection[Any],
    session_hash: bytes,
    *,
    operator_id: UUID | None,
    login_address: str,
    lifetime_seconds: float,
) -> None:
    """Insert a session, and delete those that have expired."""
    delete_expired(connection)
    names = {
        "session_hash": session_hash,
        "operator_id": operator_id,
        "login_address": login_address,
        "lifetime_seconds": lifetime_seconds,
    }
    connection.execute(_SQL["begin_session"], names)


def delete_expired(connection: Connection[Any]) -> None:
    """Delete the sessions that have expired."""
    connection.execute(_SQL["delete_expired_sessions"])


def find(connection: Connection[Any], session_hashes: Sequence[bytes]) -> OperatorSession | None:
    """Returns the open session with one of these hashes."""
    names = {"session_hashes": list(session_hashes), "shared_name": SHARED_NAME}
    with connection.cursor(row_factory=class_row(OperatorSession)) as cursor:
        return cursor.execute(_SQL["find_session"], names).fetchone()


def list_sessions(connection: Connection[Any], *, name: str | None = None) -> list[OperatorSession]:
    """Returns the open sessions of one operator or of all, by name, then oldest first."""
    with connection.cursor(row_factory=class_row(OperatorSession)) as cursor:
        return cursor.execute(_SQL["list_sessions"], {"name": name, "shared_name": SHARED_NAME}).fetchall()


def end(connection: Connection[Any], session_id: UUID) -> bool:
    """Delete the session. Returns False if it had ended before."""
    return connection.execute(_SQL["end_session"], {"session_id": session_id}).rowcount > 0


def end_all_of(connection: Connection[Any], operator_id: UUID | None, *, kept: UUID | None = None) -> int:
    """Delete the sessions of an operator, except the session `kept`, and return how many.

    None for the operator: those that began with OPERATOR_PASSWORD.
    """
    return connection.execute(_SQL["end_sessions_of"], {"operator_id": operator_id, "kept": kept}).rowcount
