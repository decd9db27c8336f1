"""A failed job may be requeued twice, or while it runs, and sends once."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from redis import Redis
from rq.exceptions import InvalidJobOperation
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database, church_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.blocked_jobs import locked_table
from tests.integration.jobs.conftest import RunWorker, counts, expanded
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox

REFUSED_SENDER, GOOD_SENDER = "+15005550007", "+15005550006"


def failed(redis: Redis) -> FailedJobRegistry:
    return FailedJobRegistry(queue=rq_queue(redis, "sms"))


def refused_then_fixed(database: Database, job_queue: RedisJobQueue, work: RunWorker) -> tuple[UUID, UUID]:
    """A church and its message, whose batch failed because of the sender. That is valid now, and still paused."""
    church_id = create_church(database, sender=REFUSED_SENDER).church_id
    message = expanded(database, church_id)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    work()
    with church_scope(database, church_id) as connection:
        connection.execute("UPDATE senders SET address = %s", (GOOD_SENDER,))
    return church_id, message


def test_a_job_that_is_requeued_twice_sends_once(
    database: Database, job_queue: RedisJobQueue, redis: Redis, work: RunWorker, sandbox: Sandbox
) -> None:
    church_id, message = refused_then_fixed(database, job_queue, work)
    (job_id,) = failed(redis).get_job_ids()

    failed(redis).requeue(job_id)
    with pytest.raises(InvalidJobOperation):
        failed(redis).requeue(job_id)
    rq_queue(redis, "sms").enqueue_job(Job.fetch(job_id, connection=redis, serializer=JSONSerializer))
    work()

    assert counts(database, church_id, message) == {Status.SENT: 3}
    assert sorted(row.to for row in sandbox.ledger()) == numbers(3)


def test_a_job_that_is_enqueued_while_it_runs_sends_once(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    church_id, message = refused_then_fixed(database, job_queue, work)
    (job_id,) = failed(redis).get_job_ids()

    with running_worker(settings, tmp_path / "one"), running_worker(settings, tmp_path / "two"):
        with locked_table(database, "deliveries") as lock:
            failed(redis).requeue(job_id)
            lock.wait_until_a_job_waits()
            rq_queue(redis, "sms").enqueue_job(Job.fetch(job_id, connection=redis, serializer=JSONSerializer))
            wait_until(lambda: len(rq_queue(redis, "sms")) == 0, timeout_seconds=60)  # the other worker has taken it
        wait_until(lambda: counts(database, church_id, message) == {Status.SENT: 3}, timeout_seconds=60)
        wait_until(lambda: StartedJobRegistry(queue=rq_queue(redis, "sms")).count == 0, timeout_seconds=60)

    assert sorted(row.to for row in sandbox.ledger()) == numbers(3)
