"""The state of the queues in Redis, for operators. Reads a few keys for each queue, whatever its length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError
from rq.suspension import WORKERS_SUSPENDED
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from jobs.job_queue.stored_jobs import StoredCall, read_jobs
from jobs.worker.checked_job import CheckedQueue, is_job_id

MOST_WORKERS = 50
"""The most workers of a queue that are read."""
_WORKER_FIELDS: tuple[str, ...] = ("hostname", "pid", "state", "current_job")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerState:
    host: str
    pid: str
    state: str
    """As RQ calls it: idle, busy, started, suspended."""
    call: StoredCall | None
    """What it runs; None if it runs nothing, or something that cannot be read."""
    running_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueState:
    """A number is None if the key in Redis is of another type, so that RQ cannot use it either."""

    name: str
    waiting: int | None
    oldest_since: datetime | None
    """When the job that is next was enqueued."""
    running: int | None
    scheduled: int | None
    """Jobs that wait for a retry."""
    failed: int | None
    workers: int | None
    worker_states: tuple[WorkerState, ...]
    """Of at most MOST_WORKERS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueStates:
    suspended: bool
    """Whether RQ's key `rq:suspended` keeps all workers from taking jobs."""
    queues: tuple[QueueState, ...]


def read_states(redis: Redis, names: Sequence[str]) -> QueueStates:
    """Raises redis.exceptions.RedisError."""
    queues = [CheckedQueue(name, connection=redis) for name in names]
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.exists(WORKERS_SUSPENDED)
        for queue in queues:
            pipeline.llen(queue.key)
            pipeline.lindex(queue.key, 0)
            pipeline.zcard(queue.started_job_registry.key)
            pipeline.zcard(queue.scheduled_job_registry.key)
            pipeline.zcard(queue.failed_job_registry.key)
            pipeline.smembers(WORKERS_BY_QUEUE_KEY % queue.name)
        suspended, *replies = (_readable(reply) for reply in pipeline.execute(raise_on_error=False))
    return QueueStates(
        suspended=bool(suspended),
        queues=tuple(_state(redis, name, replies[6 * place : 6 * place + 6]) for place, name in enumerate(names)),
    )


def _state(redis: Redis, name: str, replies: Sequence[Any]) -> QueueState:
    waiting, next_id, running, scheduled, failed, workers = replies
    keys = sorted(cast(set[bytes], workers or set()))
    return QueueState(
        name=name,
        waiting=waiting,
        oldest_since=_enqueued_at(redis, next_id),
        running=running,
        scheduled=scheduled,
        failed=failed,
        workers=None if workers is None else len(keys),
        worker_states=tuple(_worker_states(redis, keys[:MOST_WORKERS])),
    )


def _enqueued_at(redis: Redis, job_id: bytes | None) -> datetime | None:
    if job_id is None or not is_job_id(job_id):
        return None
    job = read_jobs(redis, [job_id.decode()]).get(job_id.decode())
    return None if job is None else _aware(job.enqueued_at or job.created_at)


def _worker_states(redis: Redis, keys: Sequence[bytes]) -> list[WorkerState]:
    """The states of the workers whose entry exists: that of a killed one expires."""
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, *_WORKER_FIELDS)
        replies = [_readable(reply) for reply in pipeline.execute(raise_on_error=False)] if keys else []
    entries = [dict(zip(_WORKER_FIELDS, map(_text, reply), strict=True)) for reply in replies if reply]
    jobs = read_jobs(redis, [entry["current_job"] for entry in entries if is_job_id(entry["current_job"].encode())])
    return [_worker_state(entry, jobs) for entry in entries if entry["state"]]


def _worker_state(entry: Mapping[str, str], jobs: Mapping[str, Any]) -> WorkerState:
    job = jobs.get(entry["current_job"])
    return WorkerState(
        host=entry["hostname"],
        pid=entry["pid"],
        state=entry["state"],
        call=None if job is None else StoredCall.of(job),
        running_since=None if job is None else _aware(job.started_at),
    )


def _aware(time: datetime | None) -> datetime | None:
    """RQ's times are in UTC, some without saying so."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _readable(reply: Any) -> Any:
    """None for a key of another type. Raises redis.exceptions.RedisError for other errors."""
    if isinstance(reply, ResponseError):
        return None
    if isinstance(reply, Exception):
        raise reply
    return reply


def _text(content: bytes | None) -> str:
    with suppress(UnicodeDecodeError):
        return (content or b"").decode()[:200]
    return "?"
