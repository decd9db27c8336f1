"""rq-scheduler as the clock. The only place that knows it.

It keeps the table of ticks in Redis and says when one is due; what it then does is ring, like anyone else. So a tick
that still waits is not put on the queue again (a down worker lets no pile grow), a tick cannot vanish with its last
run's result, and two clocks ring for the same job.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from jobs.doorbell import Doorbell
from jobs.ticks import TICKS, Tick

POLL_SECONDS = 0.5


class JsonJob(Job):
    """rq-scheduler makes jobs without naming a serializer, and then reads them with pickle: this one is always JSON."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "serializer": JSONSerializer})


class TickSchedule(Scheduler):
    """The table of ticks as rq-scheduler keeps it, reconciled at every poll: nothing more in it, nothing less."""

    def __init__(self, redis: Redis, doorbell: Doorbell, ticks: Iterable[Tick] = TICKS) -> None:
        super().__init__(connection=redis, interval=1, job_class=JsonJob)
        self._redis = redis
        self._doorbell = doorbell
        self._ticks = {f"tick-{tick.kind.name}": tick for tick in ticks}

    def poll(self) -> None:
        """Ring for every tick that is due, and set it for its next time. Raises redis.exceptions.RedisError."""
        self._reconcile()
        for job in self.get_jobs(time.time()):  # not get_jobs_to_queue(), which cuts off the second's fraction  # pyright: ignore[reportUnknownVariableType]
            self.enqueue_job(job)

    def enqueue_job(self, job: Any) -> None:
        """What rq-scheduler does with a due job: here, ring for it and set it again."""
        tick = self._ticks[job.id]
        self._doorbell.ring_tick(tick.kind)
        self._redis.zadd(self.scheduled_jobs_key, {job.id: time.time() + tick.every_seconds})

    def _reconcile(self) -> None:
        """Set what is missing (a new clock, an emptied Redis); drop what an older release left."""
        listed = cast(list[bytes], self._redis.zrange(self.scheduled_jobs_key, 0, -1))
        there = {job_id.decode() for job_id in listed}
        for name in there - self._ticks.keys():
            self.cancel(name)
        for name, tick in self._ticks.items():
            if name not in there or not Job.exists(name, connection=self._redis):
                self.schedule(datetime.now(UTC), tick.kind.path, interval=tick.every_seconds, id=name, result_ttl=-1)
