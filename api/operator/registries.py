"""What operators do to many jobs at once. A job that vanishes meanwhile stops nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from redis import Redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.registry import BaseRegistry

from jobs.worker.checked_job import CheckedJob, CheckedQueue


def requeue_failed(redis: Redis, queue_name: str) -> int:
    """Put every failed job of the queue back on it; how many there were."""
    failed = CheckedQueue(queue_name, connection=redis).failed_job_registry
    requeued = 0
    for entry in cast(list[bytes], redis.zrange(failed.key, 0, -1)):
        try:
            failed.requeue(entry.decode("utf-8", "replace"))
            requeued += 1
        except NoSuchJobError:
            redis.zrem(failed.key, entry)
        except InvalidJobOperation:
            continue  # somebody else has just requeued it
    return requeued


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
        redis.zrem(registry.key, entry)  # also that of a job which says that it stands elsewhere
