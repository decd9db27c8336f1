"""What the watcher measures in Redis: its memory and connections, the queues, their workers, the clock's due times.

Reads a few values for each queue, in two round trips.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError

from jobs.job_queue.job_kinds import TICK_FAILURE_KEPT_SECONDS
from jobs.job_queue.redis_connection import rq_queue
from jobs.monitoring.alert_kinds import (
    FAILED_JOBS,
    QUEUE_LATE,
    QUEUE_LONG,
    REDIS_CONNECTIONS,
    REDIS_MEMORY,
    WORKER_MISSING,
)
from jobs.monitoring.findings import Check, Finding, check
from jobs.worker.checked_job import is_job_id
from settings import Settings

_WORKER_KEYS = "rq:workers:%s"
_WORKER_PREFIX = "rq:worker:"
_MOST_WORKERS = 200
"""How many entries of a queue's workers are looked at: dead ones stay listed for some time."""
_TICK_TIMES = "rq:scheduler:scheduled_jobs"
_TICK_FAILURES = 20
"""Failures of periodic jobs below which they count as passing, such as those during a restart of PostgreSQL."""
_RECENT_SECONDS = 15
"""Periodic jobs that failed, none of them for this long, work again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    name: str
    jobs: int
    oldest_seconds: float | None
    """How long the first job has waited. None for an empty queue, or one whose first job cannot be read."""
    failed: int
    """Failed jobs that wait for a person, and periodic jobs that fail again and again."""
    workers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisState:
    used_bytes: int
    clients: int
    max_clients: int | None
    evicted_keys: int
    run_id: str
    """Changes when Redis is started again."""
    ticks_late_seconds: float | None
    """How long the earliest periodic job is overdue, 0 if none is. None if there are none: Redis was emptied."""
    queues: Sequence[QueueState]


def measure(redis: Redis, queues: Sequence[str]) -> RedisState:
    """Raises redis.exceptions.RedisError, also when keys have another type than RQ gives them."""
    pipeline, local_time = redis.pipeline(transaction=False), time.time()
    pipeline.info()
    pipeline.time()
    pipeline.zrange(_TICK_TIMES, 0, 0, withscores=True)
    for name in queues:
        queue = rq_queue(redis, name)
        pipeline.llen(queue.key)
        pipeline.lindex(queue.key, 0)
        # The scores are the times until which failed jobs are kept.
        kept_until = local_time + TICK_FAILURE_KEPT_SECONDS
        pipeline.zcount(queue.failed_job_registry.key, f"({kept_until + 60}", "+inf")
        pipeline.zcount(queue.failed_job_registry.key, local_time, kept_until + 60)
        pipeline.zcount(queue.failed_job_registry.key, kept_until - _RECENT_SECONDS, kept_until + 60)
        pipeline.srandmember(_WORKER_KEYS % name, _MOST_WORKERS)
    info, server_time, ticks, *replies = pipeline.execute()
    now = server_time[0] + server_time[1] / 1e6
    listed = [replies[6 * number : 6 * number + 6] for number in range(len(queues))]
    alive, ages = _read_workers_and_ages(redis, listed, now)
    return RedisState(
        used_bytes=info["used_memory"],
        clients=info["connected_clients"],
        max_clients=info.get("maxclients"),
        evicted_keys=info["evicted_keys"],
        run_id=info["run_id"],
        ticks_late_seconds=max(0.0, now - ticks[0][1]) if ticks else None,
        queues=[
            QueueState(
                name=name,
                jobs=jobs,
                oldest_seconds=age,
                failed=lasting + (failed_ticks if recent and failed_ticks >= _TICK_FAILURES else 0),
                workers=workers,
            )
            for name, (jobs, _, lasting, failed_ticks, recent, _), workers, age in zip(
                queues, listed, alive, ages, strict=True
            )
        ],
    )


def _read_workers_and_ages(redis: Redis, listed: list[list[Any]], now: float) -> tuple[list[int], list[float | None]]:
    """A worker that was killed stays in its queue's set; only one whose entry exists is alive."""
    pipeline = redis.pipeline(transaction=False)
    for _, first, *_, workers in listed:
        pipeline.exists(*[_WORKER_PREFIX + _worker_name(entry) for entry in workers] or ["rq:worker:none"])
        pipeline.hget(f"rq:job:{first.decode()}" if first and is_job_id(first) else "rq:job:none", "enqueued_at")
    replies = pipeline.execute()
    return replies[0::2], [_age(enqueued_at, now) for enqueued_at in replies[1::2]]


def _worker_name(entry: bytes) -> str:
    return entry.decode("utf-8", "replace").removeprefix(_WORKER_PREFIX)


def _age(enqueued_at: bytes | None, now: float) -> float | None:
    try:
        return now - datetime.fromisoformat((enqueued_at or b"").decode()).timestamp()
    except ValueError:
        return None


def with_connection_limit(state: RedisState, redis: Redis) -> RedisState:
    """Return the state with the most clients, also of a server that does not report it in INFO (Redis before 7).

    Some hosted servers do not tell it at all. Raises redis.exceptions.RedisError.
    """
    if state.max_clients is not None:
        return state
    try:
        return replace(state, max_clients=int(cast(dict[str, str], redis.config_get("maxclients"))["maxclients"]))
    except (ResponseError, KeyError, ValueError):
        return state


def judge(state: RedisState, settings: Settings) -> list[Check]:
    """Return what is wrong with the queues and with Redis itself, except evictions, which need an earlier sample."""
    return [
        check(WORKER_MISSING, *(_worker_missing(queue) for queue in state.queues)),
        check(QUEUE_LONG, *(_queue_long(queue, settings.alert_queue_jobs) for queue in state.queues)),
        check(QUEUE_LATE, *(_queue_late(queue, settings.alert_queue_seconds) for queue in state.queues)),
        check(FAILED_JOBS, *(_failed_jobs(queue, settings.alert_failed_jobs) for queue in state.queues)),
        check(REDIS_MEMORY, _memory(state, settings.alert_redis_mb)),
        check(REDIS_CONNECTIONS, _connections(state, settings.alert_connections_percent)),
    ]


def _worker_missing(queue: QueueState) -> Finding | None:
    if queue.workers:
        return None
    return Finding(
        subject=queue.name,
        summary=f"no worker serves the queue {queue.name}",
        facts={"queue": queue.name, "waitingJobs": queue.jobs},
    )


def _queue_long(queue: QueueState, most: int) -> Finding | None:
    if queue.jobs <= most:
        return None
    return Finding(
        subject=queue.name,
        summary=f"{queue.jobs} jobs wait on the queue {queue.name}",
        facts={"queue": queue.name, "waitingJobs": queue.jobs, "threshold": most},
    )


def _queue_late(queue: QueueState, most_seconds: float) -> Finding | None:
    if queue.oldest_seconds is None or queue.oldest_seconds <= most_seconds:
        return None
    return Finding(
        subject=queue.name,
        summary=f"the first job of the queue {queue.name} has waited {queue.oldest_seconds:.0f} s",
        facts={"queue": queue.name, "oldestJobSeconds": round(queue.oldest_seconds), "threshold": most_seconds},
    )


def _failed_jobs(queue: QueueState, most: int) -> Finding | None:
    if queue.failed <= most:
        return None
    return Finding(
        subject=queue.name,
        summary=f"{queue.failed} failed {'job' if queue.failed == 1 else 'jobs'} of the queue {queue.name}",
        facts={"queue": queue.name, "failedJobs": queue.failed, "threshold": most},
    )


def _memory(state: RedisState, most_mb: float) -> Finding | None:
    used_mb = state.used_bytes / 1e6
    if used_mb <= most_mb:
        return None
    return Finding(
        summary=f"Redis uses {used_mb:.0f} MB of memory", facts={"usedMb": round(used_mb), "threshold": most_mb}
    )


def _connections(state: RedisState, most_percent: float) -> Finding | None:
    if not state.max_clients or 100 * state.clients <= most_percent * state.max_clients:
        return None
    return Finding(
        summary=f"Redis has {state.clients} of {state.max_clients} connections",
        facts={"connections": state.clients, "available": state.max_clients, "thresholdPercent": most_percent},
    )
