"""Connections: a pool, and for whom each piece of work may see rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

Database = ConnectionPool[Connection[tuple[Any, ...]]]


def open_database(url: str, *, size: int, name: str) -> Database:
    """A pool of at most `size` connections. Opens in the background: a server that is away is found at first use.

    A connection is tried before it is handed out, so a restarted server costs nobody an error.
    """
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        name=name,
        timeout=3.0,
        reconnect_timeout=10.0,
        check=ConnectionPool.check_connection,
        kwargs={"autocommit": True, "application_name": f"koinonia {name}", "connect_timeout": 3},
        open=True,
    )


@contextmanager
def church_scope(database: Database, church_id: UUID) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees and writes the rows of one church only."""
    with database.connection() as connection, connection.transaction():
        connection.execute("SELECT set_config('koinonia.church', %s, true)", (str(church_id),))
        yield connection


@contextmanager
def system_scope(database: Database) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees every church: for workers, the clock, callbacks and the operator's commands."""
    with database.connection() as connection, connection.transaction():
        connection.execute("SELECT set_config('koinonia.scope', 'system', true)")
        yield connection
