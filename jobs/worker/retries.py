"""Jobs that failed and are to be run again by themselves: RQ parks them, and something must bring them back."""

from __future__ import annotations

import time
from typing import cast

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.registry import ScheduledJobRegistry

from jobs.worker.checked_job import CheckedJob, CheckedQueue, is_job_id

AT_ONCE = 1000


def enqueue_due_retries(redis: Redis, names: tuple[str, ...]) -> int:
    """Put the parked jobs whose pause is over back on their queues; how many. Of two at once one gets each.

    Killed in between, it loses a job, which is harmless: what it was to do is rung for again.
    Raises redis.exceptions.RedisError.
    """
    brought = 0
    for name in names:
        target = CheckedQueue(name, connection=redis)
        parked = ScheduledJobRegistry(queue=target).key
        for entry in cast(list[bytes], redis.zrangebyscore(parked, 0, time.time(), start=0, num=AT_ONCE)):
            if not redis.zrem(parked, entry) or not is_job_id(entry):
                continue
            try:
                job = CheckedJob.fetch(entry.decode(), connection=redis)
            except NoSuchJobError:
                continue
            if job.refusal is not None:
                job.fail_as_refused(target)
                continue
            target.enqueue_job(job)
            brought += 1
    return brought
