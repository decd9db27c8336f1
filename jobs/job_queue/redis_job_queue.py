"""Enqueues jobs on RQ queues in Redis."""

from __future__ import annotations

import time
from uuid import uuid4

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from rq import Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job, JobStatus

import logs
from jobs.job_queue.eviction import read_eviction
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.worker.checked_job import CheckedJob
from settings import Settings

log = logs.get_logger(__name__)

TIMEOUT_SECONDS = 1.0
"""How long enqueueing waits for a Redis that does not answer."""

PAUSE_SECONDS = 1.0
"""How long enqueueing fails at once after Redis did not answer in time, instead of waiting for the timeout again."""

# Decides whether the caller must enqueue a new job, and stores it as the pending job for its function and ids.
# KEYS: the entry of the pending job (its id, and when it was stored); the queue. ARGV: the new job's id, RQ's prefix of
# job keys, and for how many seconds a failed job prevents a new one.
# Returns 0 when the pending job waits on the queue, or when it failed or waits for a retry and is younger than that.
# Otherwise returns 1. The pending job then has started, is gone (Redis was emptied, or the caller was killed before it
# enqueued the job), or was taken from the queue by a worker that was killed.
_SET_PENDING = """
local now = tonumber(redis.call('TIME')[1])
local pending = redis.call('HGET', KEYS[1], 'job')
if pending then
    local status = redis.call('HGET', ARGV[2] .. pending, 'status')
    local since = now - tonumber(redis.call('HGET', KEYS[1], 'at'))
    if status == 'queued' and redis.call('LPOS', KEYS[2], pending) then
        return 0
    end
    if (status == 'failed' or status == 'scheduled') and since < tonumber(ARGV[3]) then
        return 0
    end
end
redis.call('HSET', KEYS[1], 'job', ARGV[1], 'at', now)
redis.call('EXPIRE', KEYS[1], 86400)
return 1
"""


class RedisJobQueue(JobQueue):
    """Enqueues a job on an RQ queue, unless the same job is waiting there already."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._redis = open_redis(settings, timeout_seconds=TIMEOUT_SECONDS)
        self._next_try_at = 0.0
        self._set_pending = self._redis.register_script(_SET_PENDING)

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        if time.monotonic() < self._next_try_at:
            return False
        try:
            self._enqueue(kind, queue, arguments)
        except RedisError as error:
            if isinstance(error, RedisTimeoutError):
                self._next_try_at = time.monotonic() + PAUSE_SECONDS
            event = (
                "Redis cannot be reached, job not enqueued"
                if isinstance(error, (RedisConnectionError, RedisTimeoutError))
                else "Redis refuses the job, which is not enqueued"
            )
            log.warning(event, job=kind.name, queue=queue, arguments=arguments, error=type(error).__name__)
            return False
        return True

    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        try:
            return self._withdraw_failed(queue, job_id)
        except RedisError as error:
            log.warning("a failed job cannot be withdrawn yet", job_id=job_id, error=type(error).__name__)
            return False

    def check(self) -> str | None:
        try:
            self._redis.ping()
            return read_eviction(self._redis).problem
        except RedisError as error:
            return f"Redis does not answer ({type(error).__name__})"

    def close(self) -> None:
        self._redis.close()

    def _withdraw_failed(self, name: str, job_id: str) -> bool:
        """Returns False when the job has another status: it is still ending, or was requeued. The caller retries."""
        try:
            job = CheckedJob.fetch(job_id, connection=self._redis)
            if job.get_status(refresh=False) != JobStatus.FAILED:
                return False
            job.delete()
        except (NoSuchJobError, InvalidJobOperation):  # it is gone, or is being deleted
            self._redis.zrem(rq_queue(self._redis, name).failed_job_registry.key, job_id)
        return True

    def _enqueue(self, kind: JobKind, name: str, arguments: tuple[str, ...]) -> None:
        job_id = f"{kind.name}-{uuid4().hex}"
        pending = ":".join(("koinonia:pending", kind.name, *arguments))
        is_new = self._set_pending(
            keys=[pending, rq_queue(self._redis, name).key],
            args=[
                job_id,
                Job.redis_job_namespace_prefix,
                kind.pause_after_failure_seconds,
            ],
        )
        if is_new:
            rq_queue(self._redis, name).enqueue_call(
                kind.path,
                args=arguments,
                job_id=job_id,
                description=kind.name,
                timeout=kind.timeout_seconds,
                result_ttl=0,
                failure_ttl=kind.keep_failed_seconds,
                retry=_retry(kind),
            )


def _retry(kind: JobKind) -> Retry | None:
    delays = list(kind.retry_delays_seconds)
    return Retry(max=len(delays), interval=delays) if delays else None
