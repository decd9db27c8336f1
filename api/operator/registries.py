"""What operators do to many jobs at once. A job that vanishes meanwhile stops nothing."""

from __future__ import annotations

from typing import cast

from redis import Redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import BaseRegistry
from rq.serializers import JSONSerializer

from jobs import queues


def requeue_failed(redis: Redis, queue_name: str) -> int:
    """Put every failed job of the queue back on it; how many there were."""
    failed = queues.queue(redis, queue_name).failed_job_registry
    requeued = 0
    for job_id in failed.get_job_ids(cleanup=False):
        try:
            failed.requeue(job_id)
            requeued += 1
        except NoSuchJobError:
            failed.remove(job_id)
        except InvalidJobOperation:
            continue  # somebody else has just requeued it
    return requeued


def empty(redis: Redis, queue_name: str, registry_name: str) -> None:
    """Delete every job that is queued, or in the registry of that name."""
    queue = queues.queue(redis, queue_name)
    if registry_name == "queued":
        queue.empty()
        return
    registry: BaseRegistry = getattr(queue, f"{registry_name}_job_registry")
    entries = cast(list[bytes], redis.zrange(registry.key, 0, -1))
    for entry in entries:
        try:
            Job.fetch(registry.parse_job_id(entry.decode()), connection=redis, serializer=JSONSerializer).delete()
        except NoSuchJobError:
            redis.zrem(registry.key, entry)
