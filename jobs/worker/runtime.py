"""What the jobs of a process share: settings, the database, the job queue, and a dispatcher for each channel."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from channels.base import Carrier
from channels.registry import CHANNELS
from jobs.job_queue.job_queue import JobQueue
from jobs.sending.dispatcher import Dispatcher
from messaging.reconciliation import ReconciliationPolicy
from messaging.retry import RetryPolicy
from metrics.measurements import Measurements
from settings import Settings
from store.database import Database
from store.measurement_writer import MeasurementWriter


class Runtime:
    """Opened once per process, after any fork. Dispatchers are opened when first needed, and kept."""

    def __init__(self, settings: Settings, *, database: Database, job_queue: JobQueue) -> None:
        self.settings = settings
        self.database = database
        self.job_queue = job_queue
        self.stopping = threading.Event()
        """Set when a stop is requested: nothing more is submitted."""
        self.measurements = Measurements()
        self._measurement_writer = MeasurementWriter(database, self.measurements)
        self._dispatchers: dict[str, Dispatcher] = {}
        self._opening = threading.Lock()

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            limit=self.settings.retry_limit,
            age_limit_seconds=self.settings.retry_age_seconds,
            first_lookup_seconds=self.settings.reconcile_first_seconds,
        )

    @property
    def reconciliation_policy(self) -> ReconciliationPolicy:
        return ReconciliationPolicy(
            reads=self.settings.reconcile_reads,
            period_seconds=self.settings.reconcile_seconds,
            age_limit_seconds=self.settings.retry_age_seconds,
        )

    def dispatcher(self, channel: str) -> Dispatcher:
        """The process's dispatcher for the channel."""
        with self._opening:
            if channel not in self._dispatchers:
                self._dispatchers[channel] = Dispatcher(
                    channel,
                    CHANNELS[channel].open_carrier(self.settings),
                    settings=self.settings,
                    database=self.database,
                    job_queue=self.job_queue,
                    retry_policy=self.retry_policy,
                    measurements=self.measurements,
                    stopping=self.stopping,
                )
            return self._dispatchers[channel]

    def carrier(self, channel: str) -> Carrier:
        """The open carrier of the channel."""
        return self.dispatcher(channel).carrier

    def wait_until_idle(self) -> None:
        """Wait until every submission has a result that is recorded."""
        for dispatcher in list(self._dispatchers.values()):
            dispatcher.wait_until_idle()

    def close(self) -> None:
        """Submit nothing more, wait for the results of what is in flight, and close everything."""
        self.stopping.set()
        for dispatcher in self._dispatchers.values():
            dispatcher.close()
        self._dispatchers.clear()
        self._measurement_writer.close()
        self.database.close()


_current: ContextVar[Runtime] = ContextVar("runtime")


def current_runtime() -> Runtime:
    """The runtime in which the calling job runs."""
    return _current.get()


@contextmanager
def use_runtime(runtime: Runtime) -> Generator[None]:
    """Make this the `current_runtime()` of the block."""
    token = _current.set(runtime)
    try:
        yield
    finally:
        _current.reset(token)
