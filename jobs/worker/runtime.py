"""What every job of a process shares: the ledger, the bell, and open lines to the carriers."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from channels.registry import CHANNELS
from jobs.job_queue.job_queue import JobQueue
from jobs.sending.dispatcher import Line
from messaging.reconciliation import ReconciliationPolicy
from messaging.retry import RetryPolicy
from settings import Settings
from store.database import Database


class Runtime:
    """Opened once a process, after any fork. A line to a carrier is opened when first needed, and stays."""

    def __init__(self, settings: Settings, *, database: Database, job_queue: JobQueue) -> None:
        self.settings = settings
        self.database = database
        self.job_queue = job_queue
        self.stopping = threading.Event()
        """The process was asked to end: submit nothing more."""
        self._lines: dict[str, Line] = {}
        self._opening = threading.Lock()

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            limit=self.settings.retry_limit,
            age_limit_seconds=self.settings.retry_age_seconds,
            doubt_seconds=self.settings.reconcile_first_seconds,
        )

    @property
    def reconciliation_policy(self) -> ReconciliationPolicy:
        return ReconciliationPolicy(
            reads=self.settings.reconcile_reads,
            period_seconds=self.settings.reconcile_seconds,
            age_limit_seconds=self.settings.retry_age_seconds,
        )

    def line(self, channel: str) -> Line:
        """The process's line to the channel's carrier."""
        with self._opening:
            if channel not in self._lines:
                self._lines[channel] = Line(
                    channel,
                    CHANNELS[channel].open_carrier(self.settings),
                    database=self.database,
                    job_queue=self.job_queue,
                    retry_policy=self.retry_policy,
                    stopping=self.stopping,
                )
            return self._lines[channel]

    def settle(self) -> None:
        """Wait until everything that was submitted is answered and recorded."""
        for line in list(self._lines.values()):
            line.settle()

    def close(self) -> None:
        self.stopping.set()
        for line in self._lines.values():
            line.close()
        self._lines.clear()
        self.database.close()


_current: ContextVar[Runtime] = ContextVar("runtime")


def current() -> Runtime:
    """The runtime in which the calling job runs."""
    return _current.get()


@contextmanager
def working_with(runtime: Runtime) -> Generator[None]:
    """Jobs called inside the block find this runtime."""
    token = _current.set(runtime)
    try:
        yield
    finally:
        _current.reset(token)
