"""Buffers job requests and enqueues them from a background thread."""

from __future__ import annotations

import threading
import time

from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from settings import Settings

_Request = tuple[JobKind, str, tuple[str, ...]]


class BufferedJobQueue(JobQueue):
    """Callers never wait for Redis. Requests for a job that was enqueued a moment ago are collected into one.

    Requests that are still buffered when the process is killed are lost. As after a failure of Redis, the clock
    enqueues those jobs again.
    """

    def __init__(self, settings: Settings, job_queue: JobQueue) -> None:
        super().__init__(settings)
        self._job_queue = job_queue
        self._changed = threading.Condition()
        self._requests: dict[_Request, None] = {}
        self._not_before: dict[_Request, float] = {}
        """When a job that was just enqueued may be enqueued again (time.monotonic)."""
        self._is_enqueueing = False
        self._closed = False
        self._thread = threading.Thread(target=self._enqueue_all, name="job queue", daemon=True)
        self._thread.start()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        with self._changed:
            self._requests[(kind, queue, arguments)] = None
            self._changed.notify_all()
        return True

    def wait_until_idle(self) -> None:
        """Wait until every request has been enqueued."""
        with self._changed:
            self._changed.wait_for(lambda: not self._requests and not self._is_enqueueing)

    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        return self._job_queue.withdraw_failed(queue, job_id)

    def check(self) -> str | None:
        return self._job_queue.check()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._job_queue.close()

    def _enqueue_all(self) -> None:
        while requests := self._next():
            for kind, queue, arguments in requests:
                self._job_queue.enqueue(kind, queue, *arguments)
            with self._changed:
                self._is_enqueueing = False
                self._changed.notify_all()

    def _next(self) -> list[_Request]:
        """Wait for requests, and return those to enqueue now; none when the queue is closed and the buffer empty."""
        with self._changed:
            while True:
                now = time.monotonic()
                ready = [each for each in self._requests if self._closed or self._not_before.get(each, 0.0) <= now]
                if ready or self._closed:
                    break
                self._changed.wait(min((self._not_before[each] - now for each in self._requests), default=None))
            self._not_before = {each: until for each, until in self._not_before.items() if until > now}
            self._is_enqueueing = bool(ready)
            for each in ready:
                del self._requests[each]
                self._not_before[each] = now + each[0].buffer_seconds
            return ready
