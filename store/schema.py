"""Checks that the database has the schema of this release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.errors import UndefinedTable

from store import sql
from store.errors import SchemaMismatch

MIGRATIONS = Path(__file__).parent / "migrations"
COMMAND = "python -m store.migrate"

_SQL = sql.load("schema")


def check(connection: Connection[Any]) -> int:
    """Return how many migrations are applied. Raises SchemaMismatch if some are missing or of a newer release."""
    applied = _applied(connection)
    if not applied:
        raise SchemaMismatch(f"The database has not been migrated: run `{COMMAND}`.")
    refuse_newer(connection)
    if missing := sorted(_shipped() - applied):
        raise SchemaMismatch(f"The database lacks the migrations {', '.join(missing)}: run `{COMMAND}`.")
    return len(applied)


def refuse_newer(connection: Connection[Any]) -> None:
    """Raises SchemaMismatch if a newer release has migrated the database."""
    if unknown := sorted(_applied(connection) - _shipped()):
        raise SchemaMismatch(
            f"The database was migrated by a newer release ({', '.join(unknown)}): run that release, or a later one "
            f"after its own `{COMMAND}`."
        )


def _applied(connection: Connection[Any]) -> set[str]:
    try:
        return {name for (name,) in connection.execute(_SQL["applied_migrations"])}
    except UndefinedTable:
        return set()


def _shipped() -> set[str]:
    return {file.stem for file in MIGRATIONS.glob("*.sql")}
