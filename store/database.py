"""Connections: a pool, and for whom each piece of work may see rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from psycopg import Connection, OperationalError
from psycopg.sql import SQL, Composed, Literal
from psycopg_pool import ConnectionPool

Database = ConnectionPool[Connection[tuple[Any, ...]]]

_FOR_CHURCH = SQL("BEGIN; SELECT set_config('koinonia.church', {}, true)")
_FOR_SYSTEM = SQL("BEGIN; SELECT set_config('koinonia.scope', 'system', true)")


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


@contextmanager
def church_scope(database: Database, church_id: UUID) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees and writes the rows of one church only."""
    with _transaction(database, _FOR_CHURCH.format(Literal(str(church_id)))) as connection:
        yield connection


@contextmanager
def system_scope(database: Database) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees every church: for workers, the clock, callbacks and the operator's commands."""
    with _transaction(database, _FOR_SYSTEM) as connection:
        yield connection


@contextmanager
def _transaction(database: Database, opening: SQL | Composed) -> Generator[Connection[tuple[Any, ...]]]:
    connection = _begin(database, opening)
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


def _begin(database: Database, opening: SQL | Composed) -> Connection[tuple[Any, ...]]:
    """A connection in a transaction, begun in one round trip.

    Connections that died while they rested (PostgreSQL was restarted) are found by that and replaced. The pool's own
    check would wait after each of them, longer every time, and give up although the server is there.
    """
    for dead_ones_left in range(database.max_size, -1, -1):
        connection = database.getconn()
        try:
            connection.execute(opening)
        except BaseException as error:
            found_dead = isinstance(error, OperationalError) and connection.broken
            database.putconn(connection)
            if found_dead and dead_ones_left:
                continue
            raise
        return connection
    raise AssertionError("unreachable")
