"""The connection pool, and transactions scoped to one church or to the system."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor, OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import ConnectionPool

from store import role, schema
from store.errors import OutcomeUnknown, ServerUnresponsive, StatementUnresponsive
from store.interruptible_connection import InterruptibleConnection, add_to_shared_wait
from store.server_probe import ServerProbe
from store.timeouts import SENDING, Timeouts

_FOR_CHURCH = b"BEGIN; SELECT set_config('koinonia.church', '%s', true)"
_FOR_SYSTEM = b"BEGIN; SELECT set_config('koinonia.scope', 'system', true)"
_LEAST_WAIT_SECONDS = 0.1
_First = Callable[[InterruptibleConnection], Cursor[tuple[Any, ...]]]


class Database(ConnectionPool[InterruptibleConnection]):
    """A pool of at most `size` connections. Opened in the background: the first use raises if there is no server."""

    def __init__(self, url: str, *, size: int, name: str, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        conninfo = timeouts.conninfo(url, name=name)
        self._probe = ServerProbe(conninfo)
        self._is_fit = False
        super().__init__(
            conninfo,
            connection_class=InterruptibleConnection,
            min_size=1,
            max_size=size,
            name=name,
            timeout=timeouts.connection,
            reconnect_timeout=10.0,
            kwargs={"autocommit": True},
            configure=self._configure,
            open=True,
        )

    def close(self, timeout: float = 5.0) -> None:
        self._probe.close()
        super().close(timeout)

    def refuse_unfit(self) -> None:
        """Raises UnfitDatabase for a role that row security does not bind, or another schema than this release needs.

        Checks only until it succeeds: a deploy migrates while older processes still run.
        """
        if not self._is_fit:
            connection, _ = self._begin(lambda connection: connection.execute("SELECT 1"))
            try:
                role.check(connection)
                schema.check(connection)
            finally:
                self.putconn(connection)
            self._is_fit = True

    def begin(self, first: _First) -> tuple[InterruptibleConnection, Cursor[tuple[Any, ...]]]:
        """Returns a connection and the cursor of the first statement on it. Raises psycopg.OperationalError."""
        self.refuse_unfit()
        return self._begin(first)

    def _begin(self, first: _First) -> tuple[InterruptibleConnection, Cursor[tuple[Any, ...]]]:
        """Replaces idle connections that are broken, for example because PostgreSQL was restarted.

        The pool's own check would wait longer after each of them, and time out although the server is available.
        """
        for retries_left in range(self.max_size, -1, -1):
            connection = self._take()
            try:
                return connection, first(connection)
            except BaseException as error:
                is_broken = isinstance(error, OperationalError) and connection.broken
                self.putconn(connection)
                if is_broken and retries_left and not isinstance(error, ServerUnresponsive):
                    continue
                raise
        raise AssertionError("unreachable")

    def _take(self) -> InterruptibleConnection:
        with add_to_shared_wait() as spent:
            left_seconds = max(_LEAST_WAIT_SECONDS, self.timeouts.connection - spent.seconds)
            self._probe.wait_until_responsive(left_seconds if self.timeouts.waits_for_server else 0.0)
            connection = self.getconn(left_seconds)
        connection.longest_wait_seconds = self.timeouts.longest_wait
        return connection

    def _configure(self, connection: InterruptibleConnection) -> None:
        connection.check_while_waiting = self._check_waiting

    def _check_waiting(self, connection: InterruptibleConnection, waited_seconds: float, spent_seconds: float) -> None:
        if self._probe.is_unresponsive:
            raise ServerUnresponsive("PostgreSQL does not answer")
        if waited_seconds > connection.longest_wait_seconds:
            raise StatementUnresponsive("PostgreSQL neither ended the statement nor cancelled it in time")
        if waited_seconds + spent_seconds > self.timeouts.probe_after:
            self._probe.start()


def open_database(url: str, *, size: int, name: str, timeouts: Timeouts = SENDING) -> Database:
    """Open the pool that a process uses for `name`. `timeouts` is one of the constants in store/timeouts.py."""
    return Database(url, size=size, name=name, timeouts=timeouts)


def fetch_unscoped(database: Database, query: LiteralString, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Returns the rows of one query, in one round trip and outside any transaction.

    No church is set, so row security hides every row; only SECURITY DEFINER functions such as `find_key` return any.
    """

    def first(connection: InterruptibleConnection) -> Cursor[tuple[Any, ...]]:
        # Outside a transaction the server has no statement timeout.
        connection.longest_wait_seconds = database.timeouts.lock
        return connection.execute(query, parameters)

    connection, cursor = database.begin(first)
    try:
        return cursor.fetchall()
    finally:
        database.putconn(connection)


@contextmanager
def church_scope(database: Database, church_id: UUID) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees and writes only the rows of one church. Raises as system_scope() does."""
    # Two statements in one round trip take no parameters; the hexadecimal digits of a UUID need no quoting.
    with _transaction(database, _FOR_CHURCH % church_id.hex.encode(), database.timeouts) as connection:
        yield connection


@contextmanager
def system_scope(database: Database, *, timeouts: Timeouts | None = None) -> Generator[Connection[tuple[Any, ...]]]:
    """One transaction that sees every church: for workers, the clock, callbacks and the operator's commands.

    `timeouts` replaces the pool's own. Raises psycopg.OperationalError if the database is unreachable or a timeout ends
    a statement, and OutcomeUnknown if the connection was lost during the COMMIT.
    """
    with _transaction(database, _FOR_SYSTEM, timeouts or database.timeouts) as connection:
        yield connection


@contextmanager
def _transaction(database: Database, scope: bytes, timeouts: Timeouts) -> Generator[Connection[tuple[Any, ...]]]:
    begin = scope + timeouts.settings
    connection, _ = database.begin(lambda connection: connection.execute(begin))
    connection.longest_wait_seconds = timeouts.longest_wait
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
    """Raises OutcomeUnknown if the COMMIT was sent and no answer arrived."""
    if connection.closed:
        raise OperationalError("the connection was lost before the transaction was committed")
    try:
        connection.commit()
    except IdleInTransactionSessionTimeout as error:  # the server rolled back before the COMMIT
        raise OperationalError(str(error)) from error
    except psycopg.Error as error:
        if connection.closed:
            raise OutcomeUnknown("the connection was lost while the transaction was being committed") from error
        raise
