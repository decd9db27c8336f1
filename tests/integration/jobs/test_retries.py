"""A job that broke is run again by itself, after a pause; a job that needs a person is not."""

from __future__ import annotations

import time
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from rq.registry import FailedJobRegistry, ScheduledJobRegistry

from jobs.job_queue.job_kinds import SUBMIT_BATCH
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.retries import enqueue_due_retries
from messaging.states import Status
from store import deliveries
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
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
    """Every batch raises an unforeseen error, until this is undone."""

    def claim(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(deliveries, "claim", claim)
    return monkeypatch


def parked(redis: Redis) -> dict[str, float]:
    """The ids of the parked jobs, with the seconds that are left of their pauses."""
    rows: Any = redis.zrange(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, 0, -1, withscores=True)
    return {job_id.decode(): at - time.time() for job_id, at in rows}


def end_pauses(redis: Redis) -> None:
    redis.zadd(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, dict.fromkeys(parked(redis), 0))


def failed(redis: Redis) -> FailedJobRegistry:
    return FailedJobRegistry(queue=rq_queue(redis, "sms"))


def test_it_is_run_again_once_its_pause_is_over(
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
    assert len(parked(redis)) == 1

    wait_until(lambda: enqueue_due_retries(redis, ("mms", "sms")) == 1)

    work()
    assert counts(database, church_id, message) == {Status.SENT: 3}
    assert (parked(redis), failed(redis).count, len(rq_queue(redis, "sms"))) == ({}, 0, 0)


def test_the_pauses_grow_and_at_last_an_operator_sees_it(
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
    for pause in SUBMIT_BATCH.retry_delays_seconds:
        work()
        assert parked(redis).keys() == {job_id}
        assert pause - 2 < parked(redis)[job_id] <= pause
        assert enqueue_due_retries(redis, ("sms",)) == 0, "not before its time"
        end_pauses(redis)
        assert enqueue_due_retries(redis, ("sms",)) == 1
    work()

    assert (parked(redis), failed(redis).get_job_ids()) == ({}, [job_id])
    broken.undo()
    failed(redis).requeue(job_id)
    work()
    assert counts(database, church_id, message) == {Status.SENT: 3}


def test_a_refused_sender_is_not_tried_again_by_itself(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id = create_church(database, sender="+15005550007").church_id
    expanded(database, church_id)

    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()

    assert (parked(redis), failed(redis).count) == ({}, 1)


def test_two_processes_may_enqueue_retries_at_once(
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
    end_pauses(redis)
    everyone_has_looked = Barrier(4)
    look = ScheduledJobRegistry.get_jobs_to_schedule

    def look_together(registry: ScheduledJobRegistry) -> list[str]:
        found = look(registry)
        everyone_has_looked.wait()
        return found

    broken.setattr(ScheduledJobRegistry, "get_jobs_to_schedule", look_together)

    assert sum(together(4, lambda _: enqueue_due_retries(redis, ("sms",)))) == 1
    work()

    assert len(sandbox.ledger()) == 3
    assert counts(database, church_id, message) == {Status.SENT: 3}
    assert (parked(redis), failed(redis).count, len(rq_queue(redis, "sms"))) == ({}, 0, 0)


def test_a_parked_job_that_vanished_is_forgotten(redis: Redis) -> None:
    redis.zadd(ScheduledJobRegistry(queue=rq_queue(redis, "sms")).key, {"gone": 0})

    assert enqueue_due_retries(redis, ("sms",)) == 0
    assert parked(redis) == {}
