"""The connection pool: broken idle connections, failed transactions, scopes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import UniqueViolation

from store.database import Database, church_scope, open_database, system_scope

SIZE = 6


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = open_database(database_url, size=SIZE, name="terminated")
    yield database
    database.close()


def test_connections_that_the_server_terminated_are_replaced_without_an_error(
    database: Database, superuser_database_url: str
) -> None:
    with ExitStack() as connections:
        for _ in range(SIZE):
            connections.enter_context(system_scope(database))
    with psycopg.connect(superuser_database_url, autocommit=True) as server:
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        assert len(server.execute(terminate, ("koinonia terminated",)).fetchall()) == SIZE

    for _ in range(2 * SIZE):
        with system_scope(database) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_failed_transaction_is_rolled_back_and_its_connection_is_reused(database: Database) -> None:
    church_id = uuid4()
    insert = "INSERT INTO churches (church_id, name) VALUES (%s, 'Grace')"

    with pytest.raises(UniqueViolation), system_scope(database) as connection:
        connection.execute(insert, (church_id,))
        connection.execute(insert, (church_id,))

    with church_scope(database, church_id) as connection:
        assert connection.execute("SELECT count(*) FROM churches").fetchone() == (0,)
    assert database.get_stats()["pool_size"] <= SIZE


def test_the_system_scope_ends_with_its_transaction(database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute("INSERT INTO churches (name) VALUES ('Grace')")
    connection = database.getconn()
    try:
        assert connection.execute("SELECT count(*) FROM churches").fetchone() == (0,)
    finally:
        database.putconn(connection)
