"""Whether the database has the schema that this release was written for."""

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


def check(connection: Connection[Any]) -> None:
    """Raises SchemaMismatch where migrations are missing, or are there that this release does not know."""
    try:
        applied = {name for (name,) in connection.execute(_SQL["applied_migrations"])}
    except UndefinedTable:
        applied = set[str]()
    shipped = {file.stem for file in MIGRATIONS.glob("*.sql")}
    if not applied:
        raise SchemaMismatch(f"The database has not been migrated: run `{COMMAND}`.")
    if missing := sorted(shipped - applied):
        raise SchemaMismatch(f"The database lacks the migrations {', '.join(missing)}: run `{COMMAND}`.")
    if unknown := sorted(applied - shipped):
        raise SchemaMismatch(
            f"The database was migrated by a newer release ({', '.join(unknown)}): "
            f"run that release, whose `{COMMAND}` knows them, or a later one."
        )
