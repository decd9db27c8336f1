"""Connections: a pool, how long they wait, and for whom each piece of work may see rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor, OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import ConnectionPool

from store import schema
from store.errors import OutcomeUnknown, ServerUnresponsive, StatementUnresponsive
from store.interruptible_connection import InterruptibleConnection, spending
from store.server_probe import ServerProbe
from store.timeouts import SENDING, Timeouts

_FOR_CHURCH = b"BEGIN; SELECT set_config('koinonia.church', '%s', true)"
_FOR_SYSTEM = b"BEGIN; SELECT set_config('koinonia.scope', 'system', true)"
_LEAST_WAIT_SECONDS = 0.1
_First = Callable[[InterruptibleConnection], Cursor[tuple[Any, ...]]]


class Database(ConnectionPool[InterruptibleConnection]):
    """A pool of at most `size` connections. Opens in the background: a server that is away is found at first use."""

    def __init__(self, url: str, *, size: int, name: str, limits: Timeouts) -> None:
        self.limits = limits
        conninfo = limits.conninfo(url, name=name)
        self._watch = ServerProbe(conninfo)
        self._schema_fits = False
        super().__init__(
            conninfo,
            connection_class=InterruptibleConnection,
            min_size=1,
            max_size=size,
            name=name,
            timeout=limits.connection,
            reconnect_timeout=10.0,
            kwargs={"autocommit": True},
            configure=self._configure,
            open=True,
        )

    def close(self, timeout: float = 5.0) -> None:
        self._watch.close()
        super().close(timeout)

    def check_schema(self) -> None:
        """Raises SchemaMismatch. What was good once stays good: a deploy migrates while older processes still serve."""
        if not self._schema_fits:
            connection, _ = self._begin(lambda connection: connection.execute("SELECT 1"))
            try:
                schema.check(connection)
            finally:
                self.putconn(connection)
            self._schema_fits = True

    def begin(self, first: _First) -> tuple[InterruptibleConnection, Cursor[tuple[Any, ...]]]:
        """A connection, and what came of the first thing that was executed on it. Raises psycopg.OperationalError."""
        self.check_schema()
        return self._begin(first)

    def _begin(self, first: _First) -> tuple[InterruptibleConnection, Cursor[tuple[Any, ...]]]:
        """Connections that died while they rested (PostgreSQL was restarted) are found by use and replaced.

        The pool's own check would wait after each of them, longer every time, and give up although the server is there.
        """
        for dead_ones_left in range(self.max_size, -1, -1):
            connection = self._take()
            try:
                return connection, first(connection)
            except BaseException as error:
                found_dead = isinstance(error, OperationalError) and connection.broken
                self.putconn(connection)
                if found_dead and dead_ones_left and not isinstance(error, ServerUnresponsive):
                    continue
                raise
        raise AssertionError("unreachable")

    def _take(self) -> InterruptibleConnection:
        with spending() as spent:
            left_seconds = max(_LEAST_WAIT_SECONDS, self.limits.connection - spent.seconds)
            self._watch.wait_until_it_answers(left_seconds if self.limits.waits_for_server else 0.0)
            connection = self.getconn(left_seconds)
        connection.longest_wait_seconds = self.limits.longest_wait
        return connection

    def _configure(self, connection: InterruptibleConnection) -> None:
        connection.check_while_waiting = self._check_waiting

    def _check_waiting(self, connection: InterruptibleConnection, waited_seconds: float, spent_seconds: float) -> None:
        if self._watch.stands_still:
            raise ServerUnresponsive("PostgreSQL does not answer")
        if waited_seconds > connection.longest_wait_seconds:
            raise StatementUnresponsive("PostgreSQL did not answer, and did not say that it took too long")
        if waited_seconds + spent_seconds > self.limits.probe_after:
            self._watch.try_soon()


def open_database(url: str, *, size: int, name: str, limits: Timeouts = SENDING) -> Database:
    """The pool that one process uses for `name`, waiting as long as `limits` say (store/timeouts.py)."""
    return Database(url, size=size, name=name, limits=limits)


def fetch_unscoped(database: Database, question: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows that answer one question, in one round trip and outside any transaction.

    It works for nobody, and so sees no rows but through a function made for those who do not know yet for whom to work.
    """

    def first(connection: InterruptibleConnection) -> Cursor[tuple[Any, ...]]:
        # Without a transaction the server has no limit for it.
        connection.longest_wait_seconds = database.limits.lock
        return connection.execute(question, parameters)

    connection, cursor = database.begin(first)
    try:
        return cursor.fetchall()
    finally:
        database.putconn(connection)


@contextmanager
def church_scope(database: Database, church_id: UUID) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees and writes the rows of one church only. Raises as system_scope() does."""
    # Two statements in one round trip take no parameters; what a UUID is written with needs no quoting.
    with _transaction(database, _FOR_CHURCH % church_id.hex.encode(), database.limits) as connection:
        yield connection


@contextmanager
def system_scope(database: Database, *, limits: Timeouts | None = None) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees every church: for workers, the clock, callbacks and the operator's commands.

    `limits` other than the pool's own hold for its statements. Raises psycopg.OperationalError when the database cannot
    be used or gives up, OutcomeUnknown when nobody knows whether the transaction was stored.
    """
    with _transaction(database, _FOR_SYSTEM, limits or database.limits) as connection:
        yield connection


@contextmanager
def _transaction(database: Database, scope: bytes, limits: Timeouts) -> Generator[Connection[tuple[Any, ...]]]:
    opening = scope + limits.settings
    connection, _ = database.begin(lambda connection: connection.execute(opening))
    connection.longest_wait_seconds = limits.longest_wait
    try:
        yield connection
    except BaseException:
        with suppress(OperationalError):
            connection.rollback()
        raise
    else:
        _commit(connection)
    finally:
        database.putconn(connection)


def _commit(connection: InterruptibleConnection) -> None:
    """Raises OutcomeUnknown when the COMMIT was sent and its answer did not come."""
    if connection.closed:
        raise OperationalError("the connection was lost before the transaction was committed")
    try:
        connection.commit()
    except IdleInTransactionSessionTimeout as error:  # the server had rolled it back before
        raise OperationalError(str(error)) from error
    except psycopg.Error as error:
        if connection.closed:
            raise OutcomeUnknown("the connection was lost while the transaction was being committed") from error
        raise
