"""Without queues: the same jobs, run where they are rung for."""

from __future__ import annotations

import importlib
from collections import deque

import logs
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from jobs.worker.failures import PlainFailure
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings
from store.database import open_database
from store.timeouts import INLINE

log = logs.get_logger(__name__)

_Ring = tuple[JobKind, tuple[str, ...]]


class InlineJobQueue(JobQueue):
    """Runs each job in the ringing thread, and those that it rings for, before the ringing returns."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.database_pool_size
        database = open_database(settings.database_url, size=size, name="inline", limits=INLINE)
        self._echo = _Echo(settings)
        self._runtime = Runtime(settings, database=database, job_queue=self._echo)

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        self._echo.enqueue(kind, queue, *arguments)
        heard = True
        with use_runtime(self._runtime):
            while ring := self._echo.next():
                heard = _run(ring) and heard
                if self._echo.is_silent:
                    self._runtime.wait_until_idle()  # what lands may ring again
        return heard

    def withdraw_failed(self, queue: str, job_id: str) -> bool:  # noqa: ARG002 - there are no queues
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        self._runtime.close()


class _Echo(JobQueue):
    """What jobs and lines ring for: remembered until the thread that is at work comes to it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._rings: deque[_Ring] = deque()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:  # noqa: ARG002 - there are no queues
        ring: _Ring = (kind, arguments)
        if ring not in list(self._rings):
            self._rings.append(ring)
        return True

    @property
    def is_silent(self) -> bool:
        return not self._rings

    def next(self) -> _Ring | None:
        try:
            return self._rings.popleft()
        except IndexError:
            return None

    def withdraw_failed(self, queue: str, job_id: str) -> bool:  # noqa: ARG002 - there are no queues
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        pass


def _run(ring: _Ring) -> bool:
    """Whether the job came to its end. A failure is no matter of the ringer, as on a worker; the clock rings again."""
    kind, arguments = ring
    module, _, function = kind.path.rpartition(".")
    try:
        getattr(importlib.import_module(module), function)(*arguments)
    except PlainFailure as failure:
        log.warning(failure.event, **failure.fields)
        return False
    except Exception:
        log.exception("job failed")
        return False
    return True
