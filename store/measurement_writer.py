"""Writes what a process measured to the database, every few seconds from a thread."""

from __future__ import annotations

import threading
from decimal import Decimal

import psycopg

import logs
from metrics.definitions import POOL_REQUESTS, POOL_WAIT_SECONDS, POOL_WAITS
from metrics.measurements import Measured, Measurements
from store import metrics
from store.database import Database, system_scope
from store.errors import OutcomeUnknown

log = logs.get_logger(__name__)

EVERY_SECONDS = 5.0
"""What a killed process loses of its counts at most."""


class MeasurementWriter:
    """One for each pool of a process. While PostgreSQL is away, what was measured waits in memory."""

    def __init__(self, database: Database, measurements: Measurements, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._database = database
        self._measurements = measurements
        self._every_seconds = every_seconds
        self._unwritten: list[Measured] = []
        self._own_requests = 0
        """To the pool, since its statistics were read. They do not count, or an idle process would write for ever."""
        self._writing = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measurement writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, then write what is left, once. May be called twice. Call it before the pool is closed."""
        self._closing.set()
        self._thread.join()
        self.write()

    def write(self) -> None:
        """Write what was measured. Never raises: what cannot be written is kept for the next time."""
        with self._writing:
            self._add_pool_statistics()
            self._unwritten = self._unwritten or self._measurements.take()
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        self._own_requests = 1
        try:
            with system_scope(self._database) as connection:
                metrics.add(connection, self._unwritten)
        except OutcomeUnknown:
            log.warning("measurements may have been lost: the connection broke while they were written")
        except psycopg.Error as error:
            log.debug("measurements wait: PostgreSQL is not available", error=type(error).__name__)
            return
        self._unwritten = []

    def _run(self) -> None:
        while not self._closing.wait(self._every_seconds):
            try:
                self.write()
            except Exception:  # the thread must not end: later measurements can be written
                log.exception("measurements cannot be written")

    def _add_pool_statistics(self) -> None:
        """Measure the pool itself. It counts its requests, and those for which it had no free connection."""
        statistics, pool = self._database.pop_stats(), self._database.name
        numbers = {
            POOL_REQUESTS: Decimal(statistics.get("requests_num", 0) - self._own_requests),
            POOL_WAITS: Decimal(statistics.get("requests_queued", 0)),
            POOL_WAIT_SECONDS: Decimal(statistics.get("requests_wait_ms", 0)) / 1000,
        }
        self._own_requests = 0
        for metric, number in numbers.items():
            if number > 0:
                self._measurements.count(metric, pool, by=number)
