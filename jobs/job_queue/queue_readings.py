"""Reads how many jobs, workers and failed jobs the queues have, and how Redis itself does, for monitoring.

Two round trips, whatever the length of the queues. No content of Redis makes it raise: what cannot be read is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError
from rq.job import Job
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.job_queue.redis_connection import rq_queue

CLOCK_KEY = "rq:scheduler:scheduled_jobs"
"""Where rq-scheduler keeps the next time of each periodic job."""
TICK_PREFIX = "tick-"

_MOST_WORKERS = 1000
"""More workers of one queue are not counted."""
_MOST_TICKS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueReading:
    """One queue. None: it could not be read."""

    name: str
    jobs: int | None
    oldest_job_seconds: float | None
    """Since the job at the head of the queue was enqueued; 0 if there is none."""
    workers: int | None
    failed_jobs: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisReading:
    """The queues, the next times of the ticks (Unix time, by name), and the fields of Redis' INFO."""

    queues: Sequence[QueueReading]
    next_ticks: Mapping[str, float]
    info: Mapping[str, Any]


def read_redis(redis: Redis, names: Sequence[str]) -> RedisReading:
    """Read the queues and the server. Raises redis.exceptions.RedisError if Redis does not answer."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        queue = rq_queue(redis, name)
        pipeline.llen(queue.key)
        pipeline.lindex(queue.key, 0)
        pipeline.srandmember(WORKERS_BY_QUEUE_KEY % name, _MOST_WORKERS)  # distinct: all of them, unless there are more
        pipeline.zcard(queue.failed_job_registry.key)
    pipeline.zrange(CLOCK_KEY, 0, _MOST_TICKS, withscores=True)
    pipeline.info()
    *replies, ticks, info = pipeline.execute(raise_on_error=False)
    of_queues = [replies[start : start + 4] for start in range(0, len(replies), 4)]
    details = _read_details(redis, of_queues)
    return RedisReading(
        queues=[_queue(*each) for each in zip(names, of_queues, details, strict=True)],
        next_ticks=_next_ticks(_or_none(ticks)),
        info=cast(Mapping[str, Any], _or_none(info) or {}),
    )


def _read_details(redis: Redis, of_queues: Sequence[Sequence[Any]]) -> list[tuple[Any, Any]]:
    """Of each queue when its first job was enqueued, and how many of its workers live: entries of others expire."""
    pipeline = redis.pipeline(transaction=False)
    for _, first_job, worker_keys, _ in of_queues:
        job_id = first_job if isinstance(first_job, bytes) else b""
        pipeline.hget(Job.redis_job_namespace_prefix + job_id.decode("utf-8", "replace"), "enqueued_at")
        keys = cast(list[bytes], worker_keys) if isinstance(worker_keys, list) else []
        pipeline.exists(*(keys or [b"rq:worker:"]))
    replies = pipeline.execute(raise_on_error=False)
    return list(zip(replies[::2], replies[1::2], strict=True))


def _queue(name: str, replies: Sequence[Any], details: tuple[Any, Any]) -> QueueReading:
    jobs, first_job, worker_keys, failed_jobs = map(_or_none, replies)
    enqueued_at, workers = map(_or_none, details)
    return QueueReading(
        name=name,
        jobs=jobs,
        oldest_job_seconds=0.0 if first_job is None and jobs is not None else _seconds_since(enqueued_at),
        workers=None if worker_keys is None else workers,
        failed_jobs=failed_jobs,
    )


def _or_none(reply: Any) -> Any:
    """A key of another type in its place is answered with an error."""
    return None if isinstance(reply, ResponseError) else reply


def _seconds_since(enqueued_at: Any) -> float | None:
    try:
        at = datetime.fromisoformat(bytes(enqueued_at).decode())
    except (TypeError, ValueError):
        return None
    return max(0.0, (datetime.now(UTC) - at.replace(tzinfo=at.tzinfo or UTC)).total_seconds())


def _next_ticks(entries: Any) -> dict[str, float]:
    return {
        entry.decode("utf-8", "replace").removeprefix(TICK_PREFIX): float(at)
        for entry, at in cast(list[tuple[bytes, float]], entries or [])
    }
