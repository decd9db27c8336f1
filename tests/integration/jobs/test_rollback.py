"""The rollback to ENABLE_QUEUES=false while jobs are queued, and the way back."""

from __future__ import annotations

import threading
from collections import Counter

from redis import Redis

from jobs.clock import __main__ as clock
from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.integration.jobs.conftest import RunWorker, compose, counts, expanded
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox


def test_queued_work_is_sent_without_redis_and_not_again_afterwards(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    redis: Redis,
    work: RunWorker,
    sandbox: Sandbox,
) -> None:
    # Given messages whose jobs wait in Redis: one to be expanded, one expanded and not submitted.
    church, other = create_church(database).church_id, create_church(database).church_id
    to_expand = compose(database, church, numbers=numbers(5, first=100))
    to_submit = expanded(database, other)
    job_queue.enqueue_expansion(channel="sms")
    job_queue.enqueue_batch(channel="sms", church_id=other)
    assert len(rq_queue(redis, "sms")) == 2

    # When the processes start again with ENABLE_QUEUES=false, and Redis is away.
    without = settings.model_copy(update={"enable_queues": False, "redis_url": None})
    stop = threading.Event()
    running = threading.Thread(target=clock.run, args=(without, stop))
    running.start()
    try:
        wait_until(
            lambda: counts(database, church, to_expand) == {Status.SENT: 5}, timeout_seconds=60, condition="5 are sent"
        )
        wait_until(
            lambda: counts(database, other, to_submit) == {Status.SENT: 3}, timeout_seconds=60, condition="3 are sent"
        )
    finally:
        stop.set()
        running.join()

    # Then everybody has one text, and the jobs that are still in Redis find nothing to do once workers run again.
    everybody = dict.fromkeys((*numbers(5, first=100), *numbers(3)), 1)
    assert Counter(row.to for row in sandbox.ledger()) == everybody
    assert len(rq_queue(redis, "sms")) == 2
    work("sms")
    assert len(rq_queue(redis, "sms")) == 0
    assert Counter(row.to for row in sandbox.ledger()) == everybody
