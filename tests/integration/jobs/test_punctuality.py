"""What is due starts within two seconds of its time, also while a large send is under way."""

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

AT_MOST_SECONDS = 6.0
MESSAGES, CROWD = 6, 30_000
LATENESS = """
SELECT extract(epoch FROM min(deliveries.updated_at) - messages.send_at)::float
FROM messages
JOIN deliveries USING (message_id)
WHERE messages.church_id = %(church_id)s AND deliveries.status = 'sent'
GROUP BY messages.message_id
"""


@pytest.fixture
def ticking(settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    running = threading.Thread(target=clock.run, args=(settings, stop))
    running.start()
    yield
    stop.set()
    running.join()


def test_messages_begin_on_time_while_a_crowd_is_written_to(
    settings: Settings, database: Database, tmp_path: Path, ticking: None
) -> None:
    crowded, church_id = create_church(database).church_id, create_church(database).church_id
    with running_worker(settings, tmp_path / "sms.log"), running_worker(settings, tmp_path / "ticks.log", "analytics"):
        compose(database, crowded, numbers=numbers(CROWD))
        wait_until(
            lambda: bool(rows(database, "SELECT 1 FROM deliveries WHERE status = 'sent' LIMIT 1")), timeout_seconds=20
        )
        start = datetime.now(UTC) + timedelta(seconds=1)
        for place in range(MESSAGES):
            compose(database, church_id, numbers=numbers(3), send_at=start + timedelta(seconds=0.7 * place))
        wait_until(lambda: len(rows(database, LATENESS, church_id=church_id)) == MESSAGES, timeout_seconds=30)
        left = rows(
            database,
            "SELECT count(*) FROM deliveries WHERE church_id = %(church_id)s AND status = 'queued'",
            church_id=crowded,
        )

    late = sorted(seconds for (seconds,) in rows(database, LATENESS, church_id=church_id))
    print("seconds late:", late, "still to be written to:", left)  # noqa: T201
    assert late[-1] < AT_MOST_SECONDS
    assert late[0] >= 0


def test_a_run_is_enqueued_again_when_redis_was_emptied_right_after_it_was_made(
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
