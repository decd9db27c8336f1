"""Checks that row security applies to the role of the service."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from store import sql
from store.errors import PrivilegedRole

_SQL = sql.load("role")


def check(connection: Connection[Any]) -> str:
    """Return the name of the role. Raises PrivilegedRole if it is a superuser or has BYPASSRLS."""
    row = connection.execute(_SQL["current_role"]).fetchone()
    assert row is not None  # noqa: S101 - a session has a role
    name, is_superuser, bypasses = row
    if is_superuser or bypasses:
        why = "is a superuser" if is_superuser else "has BYPASSRLS"
        raise PrivilegedRole(
            f"The role {name} in DATABASE_URL {why}, so row security would not separate the churches: use a role with "
            "NOSUPERUSER and NOBYPASSRLS that owns the database (README.md, Run it on a host)."
        )
    return name
