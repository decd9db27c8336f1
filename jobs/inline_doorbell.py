"""Without queues: the same jobs, run where they are rung for."""

from __future__ import annotations

import importlib
import threading
from collections import deque

import logs
from jobs.doorbell import Doorbell
from jobs.queues import JobKind
from jobs.runtime import Runtime, working_with
from settings import Settings
from store.database import open_database

log = logs.get_logger(__name__)

_Ring = tuple[JobKind, tuple[str, ...]]


class InlineDoorbell(Doorbell):
    """Runs each job in the ringing thread, one after the other, before the ringing returns."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        database = open_database(settings.database_url, size=settings.database_pool_size, name="inline")
        self._runtime = Runtime(settings, database=database, doorbell=self)
        self._thread = threading.local()

    def ring(self, kind: JobKind, queue: str, *arguments: str) -> bool:  # noqa: ARG002 - there are no queues
        ring: _Ring = (kind, arguments)
        waiting: deque[_Ring] | None = getattr(self._thread, "waiting", None)
        if waiting is not None:  # rung by a job: it runs when that job has ended
            if ring not in waiting:
                waiting.append(ring)
            return True
        return self._run(ring)

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        self._runtime.close()

    def _run(self, first: _Ring) -> bool:
        waiting = self._thread.waiting = deque([first])
        try:
            with working_with(self._runtime):
                while waiting:
                    kind, arguments = waiting.popleft()
                    module, _, function = kind.path.rpartition(".")
                    getattr(importlib.import_module(module), function)(*arguments)
        except Exception:  # as a worker would: the job failed, whoever rang did not; the clock rings again
            log.exception("job failed")
            return False
        finally:
            self._thread.waiting = None
        return True
