"""What RQ keeps of workers and jobs in Redis: gone soon after a worker, and no loss when Redis is emptied."""

from __future__ import annotations

import re
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from psycopg import Connection
from redis import Redis
from rq import Worker
from rq.job import Job

from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.checked_worker import GONE_AFTER_SECONDS, HEARTBEAT_SECONDS, CheckedWorker
from messaging.states import Status
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@contextmanager
def held_up(database: Database) -> Generator[Connection[Any]]:
    """Until the block ends, the job that writes audiences waits for the ledger."""
    with system_scope(database) as connection:
        connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        yield connection


def await_held_up(connection: Connection[Any]) -> None:
    """Until the job is inside its function: what RQ writes before that is written."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass"
    wait_until(lambda: connection.execute(waiting).fetchone() != (0,), timeout_seconds=30)


def workers(redis: Redis) -> dict[str, bytes | str | None]:
    """The state of each that is on the list."""
    return {key: redis.hget(key, "state") for key in Worker.all_keys(connection=redis) if redis.exists(key)}


def await_busy(redis: Redis) -> str:
    wait_until(lambda: list(workers(redis).values()) == [b"busy"], timeout_seconds=30)
    [key] = workers(redis)
    return key


def test_a_worker_that_is_killed_at_work_is_soon_off_the_list(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output") as worker:
        with held_up(database):
            job_queue.enqueue_expansion(channel="sms")
            key = await_busy(redis)
            worker.send_signal(signal.SIGKILL)
            worker.wait()

        assert 0 < redis.ttl(key) <= GONE_AFTER_SECONDS
        assert redis.exists(f"{key}:executions") == 0 or redis.ttl(f"{key}:executions") <= 120


def test_a_worker_at_work_for_long_stays_on_the_list(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    message = compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output"):
        with held_up(database):
            job_queue.enqueue_expansion(channel="sms")
            key = await_busy(redis)
            redis.expire(key, 8)
            wait_until(lambda: redis.ttl(key) > 10, timeout_seconds=3 * HEARTBEAT_SECONDS)
            assert workers(redis) == {key: b"busy"}
        wait_until(lambda: counts(database, church_id, message) == {Status.SENT: 1}, timeout_seconds=30)


def test_redis_emptied_while_a_job_runs_is_logged_in_one_line(
    settings: Settings, database: Database, redis: Redis, job_queue: RedisJobQueue, church_id: UUID, tmp_path: Path
) -> None:
    message = compose(database, church_id, numbers=numbers(1))
    with running_worker(settings, tmp_path / "output"):
        with held_up(database) as connection:
            job_queue.enqueue_expansion(channel="sms")
            await_held_up(connection)
            redis.flushdb()
        wait_until(lambda: counts(database, church_id, message) == {Status.SENT: 1}, timeout_seconds=30)
        wait_until(lambda: "emptied" in (tmp_path / "output").read_text(), timeout_seconds=30)
        again = compose(database, church_id, numbers=numbers(1))
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: counts(database, church_id, again) == {Status.SENT: 1}, timeout_seconds=30)
        wait_until(lambda: list(workers(redis).values()) == [b"idle"], timeout_seconds=3 * HEARTBEAT_SECONDS)

    said = (tmp_path / "output").read_text()
    assert len(re.findall("Redis was emptied", said)) == 1
    assert "Traceback" not in said
    assert "not found in Redis" not in said
    assert redis.keys("rq:job:*") == []


def test_an_execution_that_vanished_is_no_failure(
    redis: Redis,
    job_queue: RedisJobQueue,
    work: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Redis may also be emptied, and written to again, between two looks of RQ's: then it misses its own entry."""
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
