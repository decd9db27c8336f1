"""Reads many jobs from Redis at once, whatever their fields contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from jobs.worker.checked_job import CheckedJob
from jobs.worker.job_calls import RefusedJob, read_call


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredCall:
    """What a job does."""

    name: str
    """The job's kind, such as submit_batch."""
    church_id: UUID | None
    channel: str | None

    @classmethod
    def of(cls, job: CheckedJob) -> Self | None:
        """None for a job that is not ours."""
        try:
            if job.refusal is not None:
                return None
            kind, arguments = read_call(job.data)
        except RefusedJob:
            return None
        named = dict(zip(kind.parameters, arguments, strict=True))
        church_id = named.get("church_id")
        return cls(name=kind.name, church_id=UUID(church_id) if church_id else None, channel=named.get("channel"))


def read_jobs(redis: Redis, job_ids: Sequence[str]) -> dict[str, CheckedJob]:
    """The jobs that exist, by id, with one round trip. Raises redis.exceptions.RedisError."""
    if not job_ids:
        return {}
    with redis.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.hgetall(CheckedJob.key_for(job_id))
        replies = pipeline.execute(raise_on_error=False)
    jobs: dict[str, CheckedJob] = {}
    for job_id, reply in zip(job_ids, replies, strict=True):
        if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
            raise reply
        if isinstance(reply, dict) and reply:  # a key of another type is not a job
            jobs[job_id] = CheckedJob(job_id, redis)
            jobs[job_id].restore(reply)
    return jobs
