"""Runs jobs in the process that enqueues them, without Redis."""

from __future__ import annotations

import importlib
import time
from collections import deque

import logs
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from jobs.worker.failures import FixableFailure
from jobs.worker.measure_jobs import measure_job
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings
from store.database import open_database
from store.timeouts import INLINE

log = logs.get_logger(__name__)

_Request = tuple[JobKind, tuple[str, ...]]


class InlineJobQueue(JobQueue):
    """Runs each job, and the jobs that it enqueues, in the calling thread before `enqueue` returns."""

    has_workers = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.database_pool_size
        database = open_database(settings.database_url, size=size, name="inline", timeouts=INLINE)
        self._requests = _RequestList(settings)
        self._runtime = Runtime(settings, database=database, job_queue=self._requests)

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        self._requests.enqueue(kind, queue, *arguments)
        succeeded = True
        with use_runtime(self._runtime):
            while request := self._requests.next():
                succeeded = self._run(request) and succeeded
                if self._requests.is_empty:
                    self._runtime.wait_until_idle()  # recording results may enqueue more
        return succeeded

    def withdraw_failed(self, queue: str, job_id: str) -> bool:  # noqa: ARG002 - there are no queues
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        self._runtime.close()

    def _run(self, request: _Request) -> bool:
        began = time.perf_counter()
        succeeded = _run(request)
        measure_job(self._runtime.measurements, request[0].path, began=began, succeeded=succeeded)
        return succeeded


class _RequestList(JobQueue):
    """Holds the jobs that are enqueued, until a thread in `InlineJobQueue.enqueue` runs them."""

    has_workers = False

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._requests: deque[_Request] = deque()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:  # noqa: ARG002 - there are no queues
        request: _Request = (kind, arguments)
        if request not in list(self._requests):
            self._requests.append(request)
        return True

    @property
    def is_empty(self) -> bool:
        return not self._requests

    def next(self) -> _Request | None:
        try:
            return self._requests.popleft()
        except IndexError:
            return None

    def withdraw_failed(self, queue: str, job_id: str) -> bool:  # noqa: ARG002 - there are no queues
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        pass


def _run(request: _Request) -> bool:
    """Run the job; return whether it succeeded. As on a worker, a failure is logged and does not reach the caller."""
    kind, arguments = request
    module, _, function = kind.path.rpartition(".")
    try:
        getattr(importlib.import_module(module), function)(*arguments)
    except FixableFailure as failure:
        log.warning(failure.event, **failure.fields)
        return False
    except Exception:
        log.exception("job failed", job=kind.name)
        return False
    return True
