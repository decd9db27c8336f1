"""Connections: a pool, and for whom each piece of work may see rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, Cursor, OperationalError
from psycopg_pool import ConnectionPool

Database = ConnectionPool[Connection[tuple[Any, ...]]]

_FOR_CHURCH = b"BEGIN; SELECT set_config('koinonia.church', '%s', true)"
_FOR_SYSTEM = b"BEGIN; SELECT set_config('koinonia.scope', 'system', true)"


def open_database(url: str, *, size: int, name: str) -> Database:
    """A pool of at most `size` connections. Opens in the background: a server that is away is found at first use."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        name=name,
        timeout=3.0,
        reconnect_timeout=10.0,
        kwargs={"autocommit": True, "application_name": f"koinonia {name}", "connect_timeout": 3},
        open=True,
    )


def ask(database: Database, question: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that answer one question, in one round trip and outside any transaction.

    It works for nobody, and so sees no rows but through a function made for those who do not know yet for whom to work.
    """
    connection, cursor = _first(database, lambda connection: connection.execute(question, parameters))
    try:
        return cursor.fetchall()
    finally:
        database.putconn(connection)


@contextmanager
def church_scope(database: Database, church_id: UUID) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees and writes the rows of one church only."""
    # Two statements in one round trip take no parameters; what a UUID is written with needs no quoting.
    with _transaction(database, _FOR_CHURCH % church_id.hex.encode()) as connection:
        yield connection


@contextmanager
def system_scope(database: Database) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees every church: for workers, the clock, callbacks and the operator's commands."""
    with _transaction(database, _FOR_SYSTEM) as connection:
        yield connection


@contextmanager
def _transaction(database: Database, opening: bytes) -> Generator[Connection[tuple[Any, ...]]]:
    connection, _ = _first(database, lambda connection: connection.execute(opening))
    try:
        yield connection
    except BaseException:
        with suppress(OperationalError):
            connection.rollback()
        raise
    else:
        connection.commit()
    finally:
        database.putconn(connection)


def _first(
    database: Database, execute: Callable[[Connection[tuple[Any, ...]]], Cursor[tuple[Any, ...]]]
) -> tuple[Connection[tuple[Any, ...]], Cursor[tuple[Any, ...]]]:
    """A connection, and what came of the first thing that was executed on it.

    Connections that died while they rested (PostgreSQL was restarted) are found by that and replaced. The pool's own
    check would wait after each of them, longer every time, and give up although the server is there.
    """
    for dead_ones_left in range(database.max_size, -1, -1):
        connection = database.getconn()
        try:
            return connection, execute(connection)
        except BaseException as error:
            found_dead = isinstance(error, OperationalError) and connection.broken
            database.putconn(connection)
            if found_dead and dead_ones_left:
                continue
            raise
    raise AssertionError("unreachable")
