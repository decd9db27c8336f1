"""A bell whose rope is pulled by a thread of its own."""

from __future__ import annotations

import threading
import time

from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from settings import Settings

_Ring = tuple[JobKind, str, tuple[str, ...]]


class BufferedJobQueue(JobQueue):
    """Whoever rings never waits for Redis, and what many ask for at once is rung for once, soon after the last of them.

    What is asked for when the process is killed is not heard, as when Redis is away: the clock rings for it.
    """

    def __init__(self, settings: Settings, bell: JobQueue) -> None:
        super().__init__(settings)
        self._job_queue = bell
        self._changed = threading.Condition()
        self._asked: dict[_Ring, None] = {}
        self._quiet_until: dict[_Ring, float] = {}
        self._is_ringing = False
        self._closed = False
        self._thread = threading.Thread(target=self._ring_for_all, name="ringer", daemon=True)
        self._thread.start()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        with self._changed:
            self._asked[(kind, queue, arguments)] = None
            self._changed.notify_all()
        return True

    def settle(self) -> None:
        """Wait until everything that was asked for has been rung for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asked and not self._is_ringing)

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

    def _ring_for_all(self) -> None:
        while rings := self._next():
            for kind, queue, arguments in rings:
                self._job_queue.enqueue(kind, queue, *arguments)
            with self._changed:
                self._is_ringing = False
                self._changed.notify_all()

    def _next(self) -> list[_Ring]:
        """What is to be rung for now, once there is something; nothing when the bell is closed."""
        with self._changed:
            while True:
                now = time.monotonic()
                ready = [ring for ring in self._asked if self._closed or self._quiet_until.get(ring, 0.0) <= now]
                if ready or self._closed:
                    break
                self._changed.wait(min((self._quiet_until[ring] - now for ring in self._asked), default=None))
            self._quiet_until = {ring: until for ring, until in self._quiet_until.items() if until > now}
            self._is_ringing = bool(ready)
            for ring in ready:
                del self._asked[ring]
                self._quiet_until[ring] = now + ring[0].buffer_seconds
            return ready
