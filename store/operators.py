"""Operators: the people who may log in to the operator's pages, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

SHARED_NAME = "operator"
"""The name under which OPERATOR_PASSWORD is accepted while there are no operators. No operator can have it."""

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,31}")
_SQL = sql.load("operators")


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """A person who may log in."""

    operator_id: UUID
    name: str
    password_hash: str
    """Argon2id in the PHC string format."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedOperator:
    """An operator as lists show it."""

    name: str
    created_at: datetime
    last_login_at: datetime | None
    open_sessions: int


def is_name(text: str) -> bool:
    """Whether an operator may have this name: 1 to 32 small letters, digits, dots, hyphens and underscores."""
    return _NAME.fullmatch(text) is not None and text != SHARED_NAME


def add(connection: Connection[Any], *, name: str, password_hash: str) -> bool:
    """Insert an operator. Returns False if there is one of this name."""
    names = {"name": name, "password_hash": password_hash}
    return connection.execute(_SQL["insert_operator"], names).rowcount > 0


def find(connection: Connection[Any], name: str) -> Operator | None:
    with connection.cursor(row_factory=class_row(Operator)) as cursor:
        return cursor.execute(_SQL["find_operator"], {"name": name}).fetchone()


def exist(connection: Connection[Any]) -> bool:
    """Whether there is any operator."""
    row = connection.execute(_SQL["has_operators"]).fetchone()
    return bool(row and row[0])


def list_operators(connection: Connection[Any]) -> list[ListedOperator]:
    """Returns all operators by name."""
    with connection.cursor(row_factory=class_row(ListedOperator)) as cursor:
        return cursor.execute(_SQL["list_operators"]).fetchall()


def remove(connection: Connection[Any], name: str) -> bool:
    """Delete the operator and its sessions. Returns False if there is none of this name."""
    return connection.execute(_SQL["delete_operator"], {"name": name}).rowcount > 0


def set_password(connection: Connection[Any], *, name: str, password_hash: str) -> UUID | None:
    """Change the password, and return the id of the operator; None if there is none. The caller ends its sessions."""
    row = connection.execute(_SQL["set_password"], {"name": name, "password_hash": password_hash}).fetchone()
    return row[0] if row else None


def record_login(connection: Connection[Any], operator: Operator, *, new_hash: str | None) -> bool:
    """Record a login with the password of `operator.password_hash`, and store `new_hash` of it if there is one.

    Returns False if the operator was removed or got another password since the operator was read.
    """
    names = {
        "operator_id": operator.operator_id,
        "checked_hash": operator.password_hash,
        "new_hash": new_hash,
    }
    return connection.execute(_SQL["record_login"], names).rowcount > 0
