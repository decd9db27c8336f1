"""Which failed jobs count: those that wait for a person, and periodic jobs that go on failing."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from redis import Redis

from jobs.job_queue.job_kinds import SUBMIT_BATCH, TICK_FAILURE_KEPT_SECONDS
from jobs.job_queue.redis_connection import open_redis, rq_queue
from jobs.monitoring import redis_checks
from settings import load_settings
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN


@pytest.fixture
def redis(redis_url: str) -> Redis:
    settings = load_settings(
        database_url="postgresql://unused",
        redis_url=redis_url,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        public_url="https://texts.example.org",
    )
    client = open_redis(settings)
    client.flushdb()
    return client


def counted(redis: Redis, failures: Mapping[int, float]) -> int:
    """`failures`: how many seconds ago each job failed, with how long its kind keeps failed jobs."""
    now = time.time()
    scores = {f"job-{n}": now - ago + kept for n, (ago, kept) in enumerate(failures.items())}
    redis.zadd(rq_queue(redis, "sms").failed_job_registry.key, scores)
    [state] = redis_checks.measure(redis, ["sms"]).queues
    return state.failed


def test_every_failed_job_that_waits_for_a_person_counts(redis: Redis) -> None:
    kept = SUBMIT_BATCH.keep_failed_seconds

    assert counted(redis, {10: kept, 3600: kept, 5 * 24 * 3600: kept}) == 3


def test_some_failures_of_periodic_jobs_do_not_count(redis: Redis) -> None:
    """As during a restart of PostgreSQL."""
    assert counted(redis, dict.fromkeys(range(1, 15), TICK_FAILURE_KEPT_SECONDS)) == 0


def test_many_failures_of_periodic_jobs_count_while_they_go_on(redis: Redis) -> None:
    assert counted(redis, dict.fromkeys(range(5, 105, 5), TICK_FAILURE_KEPT_SECONDS)) == 20


def test_many_failures_of_periodic_jobs_that_work_again_do_not_count(redis: Redis) -> None:
    assert counted(redis, dict.fromkeys(range(30, 230, 5), TICK_FAILURE_KEPT_SECONDS)) == 0
