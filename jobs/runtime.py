"""What every job of a process shares: the ledger, the bell, and open lines to the carriers."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from channels.base import Carrier
from channels.registry import CHANNELS
from jobs.doorbell import Doorbell
from messaging.doubt import DoubtPolicy
from messaging.retry import RetryPolicy
from settings import Settings
from store.database import Database


class Runtime:
    """Opened once a process, after any fork. A carrier is opened when first needed, and stays open."""

    def __init__(self, settings: Settings, *, database: Database, doorbell: Doorbell) -> None:
        self.settings = settings
        self.database = database
        self.doorbell = doorbell
        self.stopping = threading.Event()
        """The process was asked to end: submit nothing more."""
        self._carriers: dict[str, Carrier] = {}
        self._opening = threading.Lock()

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            limit=self.settings.retry_limit,
            age_limit_seconds=self.settings.retry_age_seconds,
            doubt_seconds=self.settings.reconcile_first_seconds,
        )

    @property
    def doubt_policy(self) -> DoubtPolicy:
        return DoubtPolicy(
            reads=self.settings.reconcile_reads,
            period_seconds=self.settings.reconcile_seconds,
            age_limit_seconds=self.settings.retry_age_seconds,
        )

    def carrier(self, channel: str) -> Carrier:
        with self._opening:
            if channel not in self._carriers:
                self._carriers[channel] = CHANNELS[channel].open_carrier(self.settings)
            return self._carriers[channel]

    def close(self) -> None:
        for carrier in self._carriers.values():
            carrier.close()
        self._carriers.clear()
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
