"""Reads what /metrics shows, at each scrape. Nothing is kept between scrapes, so any process may answer any of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from prometheus_client.core import Metric as Family
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError

import logs
from api.metrics import database_samples, redis_samples
from api.metrics.samples import Samples
from jobs.job_queue.queue_readings import read_redis
from jobs.job_queue.queues import enabled_queues
from metrics.definitions import SCRAPE_SECONDS, UP
from settings import Settings
from store.database import Database, system_scope
from store.timeouts import SCRAPE

_SECONDS_FOR_DETAILS = 3.0
"""After this long in the database, the remaining parts are left out, so that the scrape ends in time."""

log = logs.get_logger(__name__)

DatabasePart = Callable[[Connection[Any], Samples], None]


class Collector:
    """A collector of the Prometheus client. A server that does not answer costs a few seconds and its own samples."""

    def __init__(self, settings: Settings, database: Database, redis: Redis | None) -> None:
        """`redis` is None when queues are disabled."""
        self._settings = settings
        self._database = database
        self._redis = redis

    def collect(self) -> Iterator[Family]:
        samples = Samples()
        if self._redis is not None:
            with _timed(samples, "redis"):
                self._read_redis(self._redis, samples)
        with _timed(samples, "postgresql"):
            self._read_database(samples)
        return samples.families()

    def _read_redis(self, redis: Redis, samples: Samples) -> None:
        try:
            reading = read_redis(redis, enabled_queues(self._settings))
        except RedisError as error:
            log.warning("metrics without Redis", error=type(error).__name__)
            samples.set(UP, 0, "redis")
            return
        samples.set(UP, 1, "redis")
        redis_samples.add(samples, reading)

    def _read_database(self, samples: Samples) -> None:
        """Whether the server is up is decided by the first part; one of the others may be too slow when it is busy."""
        began = time.monotonic()
        first, *details = database_samples.PARTS
        is_up = self._read_part(first, samples)
        samples.set(UP, is_up, "postgresql")
        for part in details:
            if is_up and time.monotonic() - began < _SECONDS_FOR_DETAILS:
                self._read_part(part, samples)

    def _read_part(self, part: DatabasePart, samples: Samples) -> bool:
        try:
            with system_scope(self._database, timeouts=SCRAPE) as connection:
                part(connection, samples)
        except psycopg.Error as error:
            log.warning("metrics without a part of the database", part=part.__name__, error=type(error).__name__)
            return False
        return True


@contextmanager
def _timed(samples: Samples, server: str) -> Generator[None]:
    began = time.monotonic()
    yield
    samples.set(SCRAPE_SECONDS, time.monotonic() - began, server)
