"""What a process checks before it starts. It refuses with one line what would lose messages or mix up churches.

A server that does not answer is no reason to refuse: it may come back, and the processes that need it wait for it. They
repeat its check when it answers: workers and the clock end then, the web process reports it at /health/ready.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack

from psycopg import OperationalError
from redis import Redis
from redis.exceptions import RedisError

import logs
from channels.registry import settings_problem
from jobs.job_queue.eviction import read_eviction
from jobs.job_queue.redis_connection import open_redis
from settings import Settings, placeholders
from store.database import Database, open_database
from store.errors import SchemaMismatch, UnfitDatabase
from store.timeouts import COMMAND, Timeouts

_RETRY_SECONDS = 1.0
_REDIS_SECONDS = 2.0

log = logs.get_logger(__name__)


class StartRefused(Exception):
    """The process must not start. The message is one line: why, and the remedy."""


def check_before_start(settings: Settings, *, needs_schema: bool = True) -> None:
    """Check the settings, and PostgreSQL and Redis if they answer. Raises StartRefused.

    `needs_schema` False is for the web process: a host may start it before the release command has migrated the
    database. Until then it answers 503, and /health/ready keeps the host from sending it requests.
    """
    refuse_unsafe_settings(settings)
    _refuse_unfit_database(settings, needs_schema=needs_schema)
    if settings.enable_queues:
        redis = open_redis(settings, timeout_seconds=_REDIS_SECONDS)
        try:
            refuse_evicting_redis(redis)
        except RedisError as error:
            log.warning("Redis is not available", error=type(error).__name__)
        finally:
            redis.close()


def refuse_unsafe_settings(settings: Settings) -> None:
    """Raises StartRefused for secrets that everyone knows, and for an address at which no callback arrives."""
    if names := placeholders(settings):
        raise StartRefused(f"{', '.join(names)}: still contains change-me from .env.example. Set a value of your own.")
    if problem := settings_problem(settings):
        raise StartRefused(problem)


def refuse_evicting_redis(redis: Redis) -> None:
    """Raises StartRefused if Redis may evict jobs, and redis.exceptions.RedisError."""
    if problem := read_eviction(redis).problem:
        raise StartRefused(problem)


def open_fit_database(
    settings: Settings, *, size: int, name: str, timeouts: Timeouts, stopping: threading.Event | None = None
) -> Database:
    """Return the database once PostgreSQL answers or a stop was requested. Raises StartRefused."""
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
        database.refuse_unfit()
    except UnfitDatabase as error:
        raise StartRefused(str(error)) from error
    except OperationalError as error:
        log.warning("waiting for PostgreSQL", error=type(error).__name__)
        return False
    return True


def _refuse_unfit_database(settings: Settings, *, needs_schema: bool) -> None:
    database = open_database(settings.database_url, size=1, name="check", timeouts=COMMAND)
    try:
        database.refuse_unfit()
    except UnfitDatabase as error:
        if needs_schema or not isinstance(error, SchemaMismatch):
            raise StartRefused(str(error)) from error
    except OperationalError as error:
        log.warning("PostgreSQL is not available", error=type(error).__name__)
    finally:
        database.close()
