"""rq-scheduler as the clock. The only place that knows it.

It keeps the table of ticks in Redis and says when one is due; what it then does is ring, like anyone else. So a tick
that still waits is not put on the queue again (a down worker lets no pile grow), a tick cannot vanish with its last
run's result, and two clocks ring for the same job.
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
    """The table of ticks as rq-scheduler keeps it, reconciled at every poll: nothing more in it, nothing less."""

    def __init__(self, redis: Redis, job_queue: JobQueue, ticks: Iterable[Tick] = TICKS) -> None:
        super().__init__(connection=redis, interval=1, job_class=CheckedJob)
        self._redis = redis
        self._job_queue = job_queue
        self._ticks = {f"tick-{tick.kind.name}": tick for tick in ticks}

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the ticks, as they stand in Redis."""
        return tuple(self._ticks)

    def poll(self) -> None:
        """Ring for every tick that is due, and set it for its next time. Raises redis.exceptions.RedisError.

        What a due tick is to do is known here, by its name: nothing else is read from Redis.
        """
        self._reconcile()
        now = time.time()
        for entry in cast(list[bytes], self._redis.zrangebyscore(self.scheduled_jobs_key, 0, now)):
            tick = self._ticks.get(entry.decode("utf-8", "replace"))
            if tick is not None:
                self._job_queue.enqueue_tick(tick.kind)
                self._redis.zadd(self.scheduled_jobs_key, {entry: time.time() + tick.every_seconds})

    def _reconcile(self) -> None:
        """Set what is missing (a new clock, an emptied Redis); drop what is none of ours."""
        there = set(cast(list[bytes], self._redis.zrange(self.scheduled_jobs_key, 0, -1)))
        ours = {name.encode(): tick for name, tick in self._ticks.items()}
        if others := there - ours.keys():
            self._redis.zrem(self.scheduled_jobs_key, *others)
        for entry, tick in ours.items():
            name = entry.decode()
            if entry not in there or not CheckedJob.exists(name, connection=self._redis):
                self.schedule(datetime.now(UTC), tick.kind.path, interval=tick.every_seconds, id=name, result_ttl=-1)
