"""Reads the failed jobs that a command selects. If Redis cannot be used, the command ends with one clear line."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from redis import Redis
from redis.exceptions import RedisError

from api.services import services
from jobs.job_queue.failed_jobs import MOST_READ, FailedJob, count_failed, read_failed
from jobs.job_queue.queues import ANALYTICS, sending_queues
from jobs.job_queue.redis_connection import open_redis

_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJobs:
    jobs: list[FailedJob]
    """The newest first."""
    is_cut: bool
    """Whether a queue may have older ones."""


@contextmanager
def open_failed() -> Generator[tuple[Redis, tuple[str, ...]]]:
    """Yield Redis and the names of all queues, also of those that are switched off. Raises click.ClickException."""
    settings = services().settings
    if not settings.enable_queues:
        raise click.ClickException("Queues are switched off (ENABLE_QUEUES=false), so there are no failed jobs.")
    redis = open_redis(settings, timeout_seconds=_TIMEOUT_SECONDS)
    try:
        yield redis, (*sending_queues(), ANALYTICS)
    except RedisError as error:
        raise click.ClickException(
            f"Redis does not answer ({type(error).__name__}): check REDIS_URL, or run flask check-redis."
        ) from error
    finally:
        redis.close()


def read_selected(redis: Redis, names: tuple[str, ...], *, reasons: Collection[str], church_id: object) -> FailedJobs:
    """Return the failed jobs with one of the reasons (empty: any) and of the church (None: of any)."""
    found = [
        job
        for job in read_failed(redis, names)
        if (not reasons or job.reason.kind in reasons)
        and (church_id is None or (job.call is not None and job.call.church_id == church_id))
    ]
    found.sort(key=lambda job: job.failed_at.timestamp() if job.failed_at else 0.0, reverse=True)
    return FailedJobs(jobs=found, is_cut=any(count_failed(redis, [name]) > MOST_READ for name in names))
