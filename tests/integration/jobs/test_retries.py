"""A job that fails because of an error is retried after a delay; one that needs an operator is not."""

from __future__ import annotations

import time
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry, ScheduledJobRegistry

from jobs.clock.job_retries import enqueue_due_retries
from jobs.job_queue.job_kinds import SUBMIT_BATCH
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from store import claims
from store.database import Database
from tests.harness.churches import create_church
from tests.integration.jobs.conftest import RunWorker, counts, expanded
from tests.integration.store.ledger import together
from tools.sandbox.control import Sandbox


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@pytest.fixture
def message(database: Database, church_id: UUID) -> UUID:
    """Expanded: only its batches are left to submit."""
    return expanded(database, church_id)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every batch raises an unexpected error until this is undone."""

    def claim(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(claims, "claim_for_church", claim)
    return monkeypatch


def scheduled(redis: Redis) -> dict[str, float]:
    """When the jobs that wait for a retry are due (seconds since the epoch), by their ids."""
    rows: Any = redis.zrange(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, 0, -1, withscores=True)
    return {job_id.decode(): at for job_id, at in rows}


def make_due(redis: Redis, *, at: float = 0.0) -> None:
    """Have every retry be due now, or at this time."""
    redis.zadd(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, dict.fromkeys(scheduled(redis), at))


def failed(redis: Redis) -> FailedJobRegistry:
    return FailedJobRegistry(queue=rq_queue(redis, "sms"))


def test_a_failed_job_runs_again_once_its_retry_is_due(
    database: Database,
    church_id: UUID,
    message: UUID,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    broken: pytest.MonkeyPatch,
    sandbox: Sandbox,
) -> None:
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()
    broken.undo()
    assert len(scheduled(redis)) == 1
    make_due(redis)

    assert enqueue_due_retries(redis, ("mms", "sms")) == 1

    work()
    assert counts(database, church_id, message) == {Status.SENT: 3}
    assert (scheduled(redis), failed(redis).count, len(rq_queue(redis, "sms"))) == ({}, 0, 0)


def test_the_delays_grow_and_after_the_last_retry_the_job_is_among_the_failed(
    database: Database,
    church_id: UUID,
    message: UUID,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    broken: pytest.MonkeyPatch,
    sandbox: Sandbox,
) -> None:
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    (job_id,) = rq_queue(redis, "sms").job_ids
    for delay in SUBMIT_BATCH.retry_delays_seconds:
        earliest = int(time.time()) + delay
        work()
        assert scheduled(redis).keys() == {job_id}
        assert earliest <= scheduled(redis)[job_id] <= time.time() + delay
        make_due(redis, at=time.time() + 3600)
        assert enqueue_due_retries(redis, ("sms",)) == 0, "it is not due"
        make_due(redis)
        assert enqueue_due_retries(redis, ("sms",)) == 1
    work()

    assert (scheduled(redis), failed(redis).get_job_ids()) == ({}, [job_id])
    broken.undo()
    failed(redis).requeue(job_id)
    work()
    assert counts(database, church_id, message) == {Status.SENT: 3}


def test_a_job_that_failed_because_of_a_refused_sender_is_not_retried(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database, sender="+15005550007").church_id
    expanded(database, church_id)

    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert (scheduled(redis), failed(redis).count) == ({}, 1)


def test_processes_that_enqueue_retries_at_once_enqueue_each_job_once(
    database: Database,
    church_id: UUID,
    message: UUID,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    broken: pytest.MonkeyPatch,
    sandbox: Sandbox,
) -> None:
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()
    broken.undo()
    make_due(redis)
    all_have_looked = Barrier(4)
    look = ScheduledJobRegistry.get_jobs_to_schedule

    def look_together(registry: ScheduledJobRegistry) -> list[str]:
        found = look(registry)
        all_have_looked.wait()
        return found

    broken.setattr(ScheduledJobRegistry, "get_jobs_to_schedule", look_together)

    assert sum(together(4, lambda _: enqueue_due_retries(redis, ("sms",)))) == 1
    work()

    assert len(sandbox.ledger()) == 3
    assert counts(database, church_id, message) == {Status.SENT: 3}
    assert (scheduled(redis), failed(redis).count, len(rq_queue(redis, "sms"))) == ({}, 0, 0)


def test_a_scheduled_job_that_vanished_is_removed(redis: Redis) -> None:
    redis.zadd(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, {"gone": 0})

    assert enqueue_due_retries(redis, ("sms",)) == 0
    assert scheduled(redis) == {}
