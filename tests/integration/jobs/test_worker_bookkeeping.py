"""RQ's entries of workers and jobs in Redis, after a worker was killed and after Redis was emptied."""

from __future__ import annotations

import re
import signal
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any, cast
from uuid import UUID

import pytest
from redis import Redis
from rq import Worker
from rq.job import Job

from jobs.job_queue.redis_connection import open_redis
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_worker import GONE_AFTER_SECONDS, CheckedWorker
from messaging.states import Status
from metrics.measurements import Measurements
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.blocked_jobs import locked_table
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers

FREQUENT_HEARTBEATS = """
from jobs.worker.checked_worker import CheckedWorker
CheckedWorker.heartbeat_seconds = 0.2
"""


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def workers(redis: Redis) -> dict[str, bytes | str | None]:
    """The state of each worker on RQ's list, by key."""
    return {key: redis.hget(key, "state") for key in Worker.all_keys(connection=redis) if redis.exists(key)}


def wait_until_busy(redis: Redis) -> str:
    """Wait until the only worker is busy. Returns its key."""
    wait_until(lambda: list(workers(redis).values()) == [b"busy"], timeout_seconds=60)
    [key] = workers(redis)
    return key


def test_the_entry_of_a_worker_that_is_killed_during_a_job_expires_soon(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output") as worker:
        with locked_table(database, "messages"):
            job_queue.enqueue_expansion(channel="sms")
            key = wait_until_busy(redis)
            worker.send_signal(signal.SIGKILL)
            worker.wait()

        assert 0 < redis.ttl(key) <= GONE_AFTER_SECONDS
        assert redis.exists(f"{key}:executions") == 0 or redis.ttl(f"{key}:executions") <= 120


def test_a_worker_stays_on_the_list_during_a_long_job(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    message = compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output", before_start=FREQUENT_HEARTBEATS):
        with locked_table(database, "messages"):
            job_queue.enqueue_expansion(channel="sms")
            key = wait_until_busy(redis)
            redis.persist(key)  # only a heartbeat lets it expire again
            wait_until(lambda: 0 < redis.ttl(key) <= GONE_AFTER_SECONDS, timeout_seconds=60)
            assert workers(redis) == {key: b"busy"}
        wait_until(lambda: counts(database, church_id, message) == {Status.SENT: 1}, timeout_seconds=60)


def test_redis_that_is_emptied_during_a_job_is_logged_in_one_line(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    message = compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output", before_start=FREQUENT_HEARTBEATS):
        with locked_table(database, "messages") as lock:
            job_queue.enqueue_expansion(channel="sms")
            lock.wait_until_a_job_waits()
            redis.flushdb()
        wait_until(lambda: counts(database, church_id, message) == {Status.SENT: 1}, timeout_seconds=60)
        wait_until(lambda: "emptied" in (tmp_path / "output").read_text(), timeout_seconds=60)
        again = compose(database, church_id, numbers=numbers(1))
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: counts(database, church_id, again) == {Status.SENT: 1}, timeout_seconds=60)
        wait_until(lambda: list(workers(redis).values()) == [b"idle"], timeout_seconds=60)

    log = (tmp_path / "output").read_text()
    assert len(re.findall("Redis was emptied", log)) == 1
    assert "Traceback" not in log
    assert "not found in Redis" not in log
    assert redis.keys("rq:job:*") == []


def test_a_worker_waits_for_a_job_for_less_time_than_its_connections_wait_for_a_reply(
    settings: Settings, redis: Redis
) -> None:
    """Otherwise an idle worker would lose its connection again and again, and pause before it reconnects."""
    with closing(open_redis(settings)) as client:
        client.ping()  # as before the start of a worker: this connection is open before RQ sets any timeout
        worker = CheckedWorker(client, "sms", stopping=Event(), measurements=Measurements())

        connections: list[Any] = [client.connection_pool.get_connection() for _ in range(2)]

        assert worker.dequeue_timeout < min(connection.socket_timeout for connection in connections)
        for connection in connections:
            client.connection_pool.release(connection)


def test_a_job_whose_execution_entry_vanished_does_not_fail(
    redis: Redis,
    job_queue: RedisJobQueue,
    work: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Redis is emptied and written to again between two commands of RQ, which then misses its own entry."""
    prepare = CheckedWorker.prepare_job_execution

    def emptied(worker: CheckedWorker, job: Job, *arguments: Any) -> None:
        prepare(worker, job, *arguments)
        entries = cast("list[bytes]", redis.zrange(f"rq:executions:{job.id}", 0, -1))
        redis.flushdb()
        redis.zadd(f"rq:executions:{job.id}", dict.fromkeys(entries, 9_999_999_999))

    monkeypatch.setattr(CheckedWorker, "prepare_job_execution", emptied)
    job_queue.enqueue_receipts()
    work("analytics")

    assert "not found in Redis" not in capfd.readouterr().err
    assert redis.zcard("rq:failed:analytics") == 0
