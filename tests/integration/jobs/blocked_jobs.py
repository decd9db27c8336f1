"""Keeps a job running for as long as a test needs: the job waits for a table that the test has locked."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, sql

from store.database import Database, system_scope
from tests.harness.waiting import wait_until


class TableLock:
    """The lock on a table, and who waits for it."""

    def __init__(self, connection: Connection[Any], table: str) -> None:
        self._connection = connection
        self._table = table
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))

    def wait_until_a_job_waits(self) -> None:
        """Wait until a job is inside its function: RQ has written everything that it writes before."""
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        wait_until(
            lambda: self._connection.execute(waiting, (self._table,)).fetchone() != (0,),
            timeout_seconds=60,
            condition=f"a job waits for the table {self._table}",
        )


@contextmanager
def locked_table(database: Database, table: str) -> Generator[TableLock]:
    """Jobs that use the table wait until the block ends: expand_messages uses `messages`, submit_batch `deliveries`."""
    with system_scope(database) as connection:
        yield TableLock(connection, table)
