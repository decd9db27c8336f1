"""Requeues or deletes many jobs at once. Jobs that disappear meanwhile are skipped."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from redis import Redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.registry import BaseRegistry

from jobs.job_queue import failed_jobs
from jobs.worker.checked_job import CheckedJob, CheckedQueue


def requeue_failed(redis: Redis, queue_name: str) -> int:
    """Requeue every failed job of the queue, and return how many were requeued."""
    failed = CheckedQueue(queue_name, connection=redis).failed_job_registry
    requeued = 0
    for entry in cast(list[bytes], redis.zrange(failed.key, 0, -1)):
        try:
            failed_jobs.requeue(redis, entry.decode("utf-8", "replace"), queue=queue_name)
            requeued += 1
        except NoSuchJobError:
            redis.zrem(failed.key, entry)
        except InvalidJobOperation:
            continue  # it was just requeued by somebody else
    return requeued


def count(redis: Redis, queue_name: str, registry_name: str) -> int:
    """Return how many jobs are queued, or in the registry of that name."""
    queue = CheckedQueue(queue_name, connection=redis)
    if registry_name == "queued":
        return queue.count
    registry: BaseRegistry = getattr(queue, f"{registry_name}_job_registry")
    return redis.zcard(registry.key)


def empty(redis: Redis, queue_name: str, registry_name: str) -> None:
    """Delete every job that is queued, or in the registry of that name."""
    queue = CheckedQueue(queue_name, connection=redis)
    if registry_name == "queued":
        queue.empty()
        return
    registry: BaseRegistry = getattr(queue, f"{registry_name}_job_registry")
    entries = cast(list[bytes], redis.zrange(registry.key, 0, -1))
    for entry in entries:
        with suppress(NoSuchJobError, InvalidJobOperation, ValueError):
            CheckedJob.fetch(registry.parse_job_id(entry.decode("utf-8", "replace")), connection=redis).delete()
        redis.zrem(registry.key, entry)  # also the entry of a job that is stored as belonging to another registry
