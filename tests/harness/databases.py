"""A migrated database for each test process, copied from one template, and emptied between tests."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tools.local.postgres import Postgres

_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  -- The tables of the migration tool.
  AND c.relname !~ '^_?yoyo'
"""


def make_database(superuser_url: str, template_url: str, name: str) -> tuple[str, str]:
    """Copy the template. Return the URLs of the copy for the product's role and for the superuser."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        Postgres.make_database(connection, name, template=urlsplit(template_url).path[1:])
    return _at(template_url, name), _at(superuser_url, name)


@contextmanager
def empty_database_beside(database_url: str, superuser_url: str) -> Generator[str]:
    """The URL of a database without a schema on the same server, owned by the product's role. Dropped at the end."""
    name = f"{urlsplit(database_url).path[1:]}_empty"
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        owner = sql.Identifier(urlsplit(database_url).username or "")
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(sql.Identifier(name), owner)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(create)
        try:
            yield _at(database_url, name)
        finally:
            connection.execute(drop)


class Cleaner:
    """Empties all tables of a database, as the superuser, because row security hides rows from others."""

    def __init__(self, superuser_url: str) -> None:
        self._connection = psycopg.connect(superuser_url, autocommit=True)
        # If a test left a transaction open, the next test fails instead of hanging.
        self._connection.execute("SET lock_timeout = '10s'")
        # Foreign keys and triggers are not needed: every table with rows is emptied.
        self._connection.execute("SET session_replication_role = replica")

    def clean(self) -> None:
        tables = [sql.SQL(name) for (name,) in self._connection.execute(_TABLES)]
        if not tables:
            return
        probe = sql.SQL("SELECT ") + sql.SQL(", ").join(
            sql.SQL("EXISTS (SELECT FROM {})").format(table) for table in tables
        )
        row = self._connection.execute(probe).fetchone()
        assert row is not None
        filled = [table for table, has_rows in zip(tables, row, strict=True) if has_rows]
        if filled:
            # A tenth of the time of TRUNCATE, which writes new files for each table and index.
            deletions = sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in filled)
            self._connection.execute(deletions)

    def close(self) -> None:
        self._connection.close()


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
