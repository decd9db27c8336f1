"""A server that refuses new connections is not unresponsive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from store.database import Database, open_database, system_scope
from store.timeouts import WEB

SHORT_PROBE = replace(WEB, probe_after=0.2)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=1, name="held", timeouts=SHORT_PROBE)
    yield database
    database.close()


@pytest.fixture
def full_server(database: Database, superuser_database_url: str) -> Iterator[None]:
    """A server that serves the existing connection and refuses new ones."""
    with psycopg.connect(superuser_database_url, autocommit=True) as server:
        row = server.execute("SELECT current_database()").fetchone()
        assert row is not None
        name = sql.Identifier(row[0])
        with system_scope(database) as connection:
            connection.execute("SELECT 1")
        server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 1").format(name))
        try:
            yield
        finally:
            server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))


@pytest.mark.usefixtures("full_server")
def test_a_long_statement_completes_while_new_connections_are_refused(database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute("SELECT pg_sleep(1)")
    with system_scope(database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
