"""Checks the database's schema when a process starts: with a schema that does not fit, every job would fail."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from psycopg import OperationalError

import logs
from settings import Settings
from store.database import Database, open_database
from store.errors import SchemaMismatch
from store.timeouts import COMMAND, Timeouts

_RETRY_SECONDS = 1.0

log = logs.get_logger(__name__)


def check_schema(settings: Settings) -> None:
    """Raises SchemaMismatch. Only logs when PostgreSQL is not available: the processes that need it wait for it."""
    database = open_database(settings.database_url, size=1, name="check", timeouts=COMMAND)
    try:
        database.check_schema()
    except SchemaMismatch:
        raise
    except OperationalError as error:
        log.warning("PostgreSQL is not available", error=type(error).__name__)
    finally:
        database.close()


def open_migrated_database(
    settings: Settings, *, size: int, name: str, timeouts: Timeouts, stopping: threading.Event | None = None
) -> Database:
    """Return the database once PostgreSQL answers or a stop was requested. Raises SchemaMismatch."""
    stopping = stopping or threading.Event()
    with ExitStack() as stack:
        database = open_database(settings.database_url, size=size, name=name, timeouts=timeouts)
        stack.callback(database.close)
        while not (stopping.is_set() or _is_checked(database)):
            stopping.wait(_RETRY_SECONDS)
        stack.pop_all()
    return database


def _is_checked(database: Database) -> bool:
    try:
        database.check_schema()
    except SchemaMismatch:
        raise
    except OperationalError as error:
        log.warning("waiting for PostgreSQL", error=type(error).__name__)
        return False
    return True
