"""Keeps the job that expands messages running for as long as a test needs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from store.database import Database, system_scope
from tests.harness.waiting import wait_until


@contextmanager
def blocked_expansion(database: Database) -> Generator[Connection[Any]]:
    """Until the block ends, expand_messages waits for a lock on the messages table. Yields the lock's connection."""
    with system_scope(database) as connection:
        connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        yield connection


def wait_until_blocked(connection: Connection[Any]) -> None:
    """Wait until the job's function runs, so that RQ has written everything that it writes before."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass"
    wait_until(lambda: connection.execute(waiting).fetchone() != (0,), timeout_seconds=60)
