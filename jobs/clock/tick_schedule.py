"""The clock's schedule in rq-scheduler. No other module imports it.

rq-scheduler keeps the due times of the ticks in Redis; a tick that is due is enqueued through the job queue, like any
other job. So a job that still waits is not enqueued again (while workers are down, none pile up), a tick does not
expire with the result of its last run, and two clocks enqueue one job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from redis import Redis
from rq_scheduler import Scheduler

from jobs.clock.ticks import TICKS, Tick
from jobs.job_queue.job_queue import JobQueue
from jobs.worker.checked_job import CheckedJob

POLL_SECONDS = 0.5


class TickSchedule(Scheduler):
    """The ticks as rq-scheduler keeps them. Every poll adds those that are missing and removes all others."""

    def __init__(self, redis: Redis, job_queue: JobQueue, ticks: Iterable[Tick] = TICKS) -> None:
        super().__init__(connection=redis, interval=1, job_class=CheckedJob)
        self._redis = redis
        self._job_queue = job_queue
        self._ticks = {f"tick-{tick.kind.name}": tick for tick in ticks}

    def poll(self) -> None:
        """Enqueue every tick that is due, and set its next time. Raises redis.exceptions.RedisError.

        Only the names of due ticks are read from Redis. The job of a name comes from our own table.
        """
        self._sync_entries()
        now = time.time()
        for entry in cast(list[bytes], self._redis.zrangebyscore(self.scheduled_jobs_key, 0, now)):
            tick = self._ticks.get(entry.decode("utf-8", "replace"))
            if tick is not None:
                self._job_queue.enqueue_tick(tick.kind)
                self._redis.zadd(self.scheduled_jobs_key, {entry: time.time() + tick.every_seconds})

    def _sync_entries(self) -> None:
        """Add missing ticks (for a new clock, or after Redis was emptied), and remove entries that are not ours."""
        stored = set(cast(list[bytes], self._redis.zrange(self.scheduled_jobs_key, 0, -1)))
        expected = {name.encode(): tick for name, tick in self._ticks.items()}
        if unexpected := stored - expected.keys():
            self._redis.zrem(self.scheduled_jobs_key, *unexpected)
        for entry, tick in expected.items():
            name = entry.decode()
            if entry not in stored or not CheckedJob.exists(name, connection=self._redis):
                self.schedule(datetime.now(UTC), tick.kind.path, interval=tick.every_seconds, id=name, result_ttl=-1)
