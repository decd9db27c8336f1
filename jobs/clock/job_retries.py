"""Automatic retries. RQ stores a failed job with the time of its retry; at that time the clock must enqueue it."""

from __future__ import annotations

import time
from typing import cast

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.registry import ScheduledJobRegistry

from jobs.worker.checked_job import CheckedJob, CheckedQueue, is_job_id

AT_ONCE = 1000
"""The most retries that one call enqueues for a queue."""


def enqueue_due_retries(redis: Redis, names: tuple[str, ...]) -> int:
    """Enqueue the jobs whose retry is due, and return how many. Of two processes, only one enqueues a job.

    A job is lost if the process is killed while moving it; the clock then enqueues another job for the same work.
    Raises redis.exceptions.RedisError.
    """
    enqueued = 0
    for name in names:
        target = CheckedQueue(name, connection=redis)
        scheduled = ScheduledJobRegistry(queue=target).key
        for entry in cast(list[bytes], redis.zrangebyscore(scheduled, 0, time.time(), start=0, num=AT_ONCE)):
            if not redis.zrem(scheduled, entry) or not is_job_id(entry):
                continue
            try:
                job = CheckedJob.fetch(entry.decode(), connection=redis)
            except NoSuchJobError:
                continue
            if job.refusal is not None:
                job.fail_as_refused(target)
                continue
            target.enqueue_job(job)
            enqueued += 1
    return enqueued
