"""Messages and runs of schedules are enqueued when they are due, whatever else happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis

from jobs.clock import __main__ as clock
from jobs.enqueue_due import enqueue_due
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_job import CheckedQueue
from jobs.worker.runtime import Runtime, use_runtime
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import compose
from tests.integration.jobs.scheduling import make_schedule, rows
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

MESSAGES = 4
IS_ON_TIME = """
SELECT min(deliveries.updated_at) >= messages.send_at
FROM messages
JOIN deliveries USING (message_id)
WHERE messages.church_id = %(church_id)s AND deliveries.status = 'sent'
GROUP BY messages.message_id
"""
"""For each message of which something was sent: whether that was not before its time."""


@pytest.fixture
def ticking(settings: Settings) -> Iterator[None]:
    """A clock runs."""
    stop = threading.Event()
    running = threading.Thread(target=clock.run, args=(settings, stop))
    running.start()
    yield
    stop.set()
    running.join()


@pytest.mark.extended
def test_messages_are_sent_when_they_are_due_while_another_church_sends_to_a_crowd(
    settings: Settings, database: Database, sandbox: Sandbox, tmp_path: Path, ticking: None
) -> None:
    sandbox.set_faults(Faults(latency_ms=250))
    slow = settings.model_copy(update={"carrier_connections": 20})  # at most 60 texts of the crowd in a second
    crowded, church_id = create_church(database).church_id, create_church(database).church_id
    with running_worker(slow, tmp_path / "sms.log"), running_worker(slow, tmp_path / "ticks.log", "analytics"):
        compose(database, crowded, numbers=numbers(10_000))
        wait_until(
            lambda: bool(rows(database, "SELECT 1 FROM deliveries WHERE status = 'sent' LIMIT 1")), timeout_seconds=60
        )
        start = datetime.now(UTC) + timedelta(seconds=0.5)
        for place in range(MESSAGES):
            compose(database, church_id, numbers=numbers(3), send_at=start + timedelta(seconds=0.5 * place))
        wait_until(lambda: len(rows(database, IS_ON_TIME, church_id=church_id)) == MESSAGES, timeout_seconds=60)
        [(left,)] = rows(
            database,
            "SELECT count(*) FROM deliveries WHERE church_id = %(church_id)s AND status = 'queued'",
            church_id=crowded,
        )

    assert left > 0, "the crowd's message is still being sent"
    assert rows(database, IS_ON_TIME, church_id=church_id) == [(True,)] * MESSAGES


def test_the_message_of_a_run_is_enqueued_again_after_redis_was_emptied(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis
) -> None:
    church_id = create_church(database).church_id
    now = datetime.now(UTC)
    make_schedule(database, church_id, zone="UTC", starts_at=f"{now:%Y-%m-%d %H:%M}", after=now - timedelta(hours=1))
    runtime = Runtime(settings, database=database, job_queue=job_queue)

    for _ in range(2):
        with use_runtime(runtime):
            enqueue_due()
        waiting = CheckedQueue("sms", connection=redis).get_job_ids()
        assert [job_id.partition("-")[0] for job_id in waiting] == ["expand_messages"]
        redis.flushdb()

    assert rows(database, "SELECT count(*) FROM messages") == [(1,)]


def test_a_schedule_that_fails_does_not_keep_accepted_messages_from_being_enqueued(
    settings: Settings, database: Database, job_queue: RedisJobQueue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose(database, create_church(database).church_id, numbers=numbers(1))

    def breaks(*args: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr("jobs.enqueue_due.run_schedules", breaks)
    with use_runtime(Runtime(settings, database=database, job_queue=job_queue)), pytest.raises(MemoryError):
        enqueue_due()

    assert redis.llen("rq:queue:sms") == 1
