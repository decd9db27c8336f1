"""Puts all failed jobs back on their queues, as an operator does at /rq."""

from __future__ import annotations

import threading
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.serializers import JSONSerializer

from jobs.job_queue.queues import ANALYTICS, sending_queues

_QUEUES = (*sending_queues(), ANALYTICS)


def requeue_failed_jobs(redis_url: str, *, operators: int = 1) -> int:
    """Requeue every failed job, with this many operators at the same time. Returns how often a job was requeued."""
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(_requeue_all(redis_url)), daemon=True) for _ in range(operators)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10.0)
    return sum(counts)


def count_failed_jobs(redis_url: str) -> int:
    """Failed jobs on all queues. Raises RedisError."""
    with Redis.from_url(redis_url, socket_timeout=5.0) as redis:
        return sum(Queue(name, connection=redis).failed_job_registry.get_job_count(cleanup=False) for name in _QUEUES)


def _requeue_all(redis_url: str) -> int:
    requeued = 0
    with suppress(RedisError), Redis.from_url(redis_url, socket_timeout=5.0) as redis:
        for name in _QUEUES:
            failed = Queue(name, connection=redis, serializer=JSONSerializer).failed_job_registry
            for job_id in failed.get_job_ids(cleanup=False):
                with suppress(NoSuchJobError, InvalidJobOperation):  # another operator requeued it first
                    failed.requeue(job_id)
                    requeued += 1
    return requeued
