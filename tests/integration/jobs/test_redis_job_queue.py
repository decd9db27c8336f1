"""What is logged when a job cannot be enqueued."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
from redis import Redis

import logs
from jobs.job_queue.redis_job_queue import RedisJobQueue
from settings import Settings

CHURCH = UUID(int=7)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The log of the test, as a worker writes it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(fmt="text", level="INFO")
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_when_redis_cannot_be_reached_the_log_names_the_job_that_was_not_enqueued(
    settings: Settings, logged: io.StringIO
) -> None:
    job_queue = RedisJobQueue(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))

    assert not job_queue.enqueue_batch(channel="sms", church_id=CHURCH)

    line = logged.getvalue()
    assert "Redis cannot be reached, job not enqueued" in line
    assert "job=submit_batch" in line
    assert str(CHURCH) in line


def test_when_redis_refuses_the_job_the_log_does_not_claim_that_it_is_away(
    settings: Settings, redis: Redis, logged: io.StringIO
) -> None:
    redis.set("rq:queue:sms", "not a list")

    assert not RedisJobQueue(settings).enqueue_batch(channel="sms", church_id=CHURCH)

    assert "Redis refuses the job, which is not enqueued" in logged.getvalue()
