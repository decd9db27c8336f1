"""The failed jobs of the queues: read in slices, so that a long list costs little memory, and requeued one by one."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError
from rq.job import Job
from rq.results import Result

from jobs.job_queue.failure_reasons import FailureReason, reason_of
from jobs.job_queue.stored_jobs import StoredCall, read_jobs
from jobs.worker.checked_job import CheckedJob, CheckedQueue, is_job_id

SLICE = 200
MOST_READ = 20_000
"""The most failed jobs of a queue that are read, the newest first."""
_MOST_TEXT_BYTES = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJob:
    job_id: str
    queue: str
    call: StoredCall | None
    """None for a job that is not ours."""
    reason: FailureReason
    failed_at: datetime | None
    runs: int
    """How often it was run, with its retries."""


def count_failed(redis: Redis, names: Sequence[str]) -> int:
    """How many failed jobs the queues have, read or not. Raises redis.exceptions.RedisError."""
    return sum(redis.zcard(CheckedQueue(name, connection=redis).failed_job_registry.key) for name in names)  # pyright: ignore[reportArgumentType]


def read_failed(redis: Redis, names: Sequence[str]) -> Iterator[FailedJob]:
    """Yield the failed jobs of each queue, the newest first. Raises redis.exceptions.RedisError.

    A job that disappears meanwhile is left out.
    """
    for name in names:
        key = CheckedQueue(name, connection=redis).failed_job_registry.key
        for first in range(0, MOST_READ, SLICE):
            entries = cast(list[bytes], redis.zrevrange(key, first, first + SLICE - 1))
            yield from _read(redis, name, [entry.decode() for entry in entries if is_job_id(entry)])
            if len(entries) < SLICE:
                break


def find_failed(redis: Redis, names: Sequence[str], job_id: str) -> FailedJob | None:
    """The job, if it is among the failed ones of one of the queues. Raises redis.exceptions.RedisError."""
    if not is_job_id(job_id.encode()):
        return None
    for name in names:
        if redis.zscore(CheckedQueue(name, connection=redis).failed_job_registry.key, job_id) is not None:
            return next(_read(redis, name, [job_id]), None)
    return None


def requeue(redis: Redis, job_id: str, *, queue: str | None = None) -> Job:
    """Put a failed job back on its queue, for one more run. `queue`: among whose failed jobs it is, if known.

    Raises rq.exceptions.NoSuchJobError if it disappeared, InvalidJobOperation if it is not among the failed jobs (any
    more), and redis.exceptions.RedisError.
    """
    if queue is None:
        return CheckedJob.fetch(job_id, connection=redis).requeue()
    return CheckedQueue(queue, connection=redis).failed_job_registry.requeue(job_id)


def _read(redis: Redis, name: str, job_ids: Sequence[str]) -> Iterator[FailedJob]:
    jobs = read_jobs(redis, job_ids)
    if not jobs:
        return
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in jobs:
            pipeline.xrevrange(Result.get_key(job_id), count=1)
        replies = pipeline.execute(raise_on_error=False)
    for job, reply in zip(jobs.values(), replies, strict=True):
        if isinstance(reply, Exception) and not isinstance(reply, ResponseError):
            raise reply
        text, failed_at = _failure(reply)
        yield FailedJob(
            job_id=job.id,
            queue=name,
            call=StoredCall.of(job),
            reason=reason_of(text),
            failed_at=failed_at,
            runs=1 + (job.number_of_retries or 0),
        )


def _failure(reply: Any) -> tuple[str, datetime | None]:
    """The text of the exception and the time of the failure, from the entry that RQ keeps of the last run."""
    try:
        [(entry_id, fields)] = reply
        failed_at = datetime.fromtimestamp(int(bytes(entry_id).partition(b"-")[0]) / 1000, UTC)
        decompressed = zlib.decompressobj().decompress(b64decode(fields[b"exc_string"]), _MOST_TEXT_BYTES)
        return decompressed.decode("utf-8", "replace"), failed_at
    except (TypeError, ValueError, KeyError, OverflowError, OSError, binascii.Error, zlib.error):
        return "", None  # RQ did not write it
