"""`python -m jobs.worker.run_worker sms` when Redis comes late, when Redis is lost, and at its own end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

BACK_SECONDS = 15.0
"""After Redis came back, an enqueued text is sent within this."""
CONNECTIONS, AUDIENCE = 10, 60


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    with closing(PrivateRedis(tmp_path, free_port)) as own:
        yield own


@pytest.fixture
def settings(settings: Settings, private_redis: PrivateRedis) -> Settings:
    changes = {
        "redis_url": private_redis.url,
        "carrier_timeout_seconds": 10.0,
        "lease_seconds": 60.0,
        "carrier_connections": CONNECTIONS,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def send(database: Database, job_queue: RedisJobQueue, church_id: UUID, *, count: int = 1) -> UUID:
    message = compose(database, church_id, numbers=numbers(count))
    assert job_queue.enqueue_expansion(channel="sms")
    return message


def await_sent(database: Database, church_id: UUID, message: UUID, *, count: int = 1, seconds: float = 30.0) -> None:
    wait_until(lambda: counts(database, church_id, message) == {Status.SENT: count}, timeout_seconds=seconds)


def test_started_before_redis_it_waits_and_then_serves(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    tmp_path: Path,
) -> None:
    with running_worker(settings, tmp_path / "output") as worker:
        wait_until(lambda: (tmp_path / "output").read_text().count("waiting for Redis") > 1, timeout_seconds=30)
        assert worker.poll() is None

        private_redis.start()

        await_sent(database, church_id, send(database, job_queue, church_id))


@pytest.mark.parametrize("idle_seconds", [0, 1.5], ids=["at the end of a job", "idle"])
@pytest.mark.parametrize("away_seconds", [0, 3])
def test_it_outlives_a_redis_that_is_killed_and_comes_back_empty(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    tmp_path: Path,
    idle_seconds: float,
    away_seconds: float,
) -> None:
    private_redis.start()
    with running_worker(settings, tmp_path / "output") as worker:
        await_sent(database, church_id, send(database, job_queue, church_id))

        for _ in range(2):
            time.sleep(idle_seconds)
            private_redis.kill()
            time.sleep(away_seconds)
            private_redis.start()
            await_sent(database, church_id, send(database, job_queue, church_id), seconds=BACK_SECONDS)

        assert worker.poll() is None


@pytest.mark.parametrize("redis_stays", [True, False], ids=["Redis there", "Redis away"])
def test_stopped_during_a_batch_it_leaves_nothing_in_flight(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    sandbox: Sandbox,
    work: RunWorker,
    tmp_path: Path,
    redis_stays: bool,
) -> None:
    private_redis.start()
    sandbox.set_faults(Faults(latency_ms=1500))
    with running_worker(settings, tmp_path / "output") as worker:
        message = send(database, job_queue, church_id, count=AUDIENCE)
        wait_until(lambda: sandbox.summary().create_requests >= CONNECTIONS, timeout_seconds=30)
        if not redis_stays:
            private_redis.kill()

        worker.send_signal(signal.SIGTERM)
        ended = worker.wait(timeout=30)

    sent = len(sandbox.ledger())
    assert CONNECTIONS <= sent <= 2 * CONNECTIONS, "nothing was submitted after the signal"
    assert counts(database, church_id, message) == {Status.SENT: sent, Status.QUEUED: AUDIENCE - sent}
    assert ended == 0
    if redis_stays:
        sandbox.clear_faults()
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        work()
        assert sorted(row.to for row in sandbox.ledger()) == numbers(AUDIENCE)


def test_stopped_while_idle_it_exits_at_once(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    tmp_path: Path,
) -> None:
    private_redis.start()
    with running_worker(settings, tmp_path / "output") as worker:
        await_sent(database, church_id, send(database, job_queue, church_id))

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(timeout=10) == 0


def noticed(told: str) -> bool:
    """Whether the worker has given up waiting for an answer, while idle or at the end of a job."""
    return "could not connect to Redis" in told or "Redis connection timeout" in told


def test_it_goes_on_when_a_redis_that_stood_still_does(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    private_redis.start()
    output = tmp_path / "output"
    with running_worker(settings, output) as worker:
        await_sent(database, church_id, send(database, job_queue, church_id))
        sandbox.set_faults(Faults(latency_ms=1000))
        first = send(database, job_queue, church_id, count=AUDIENCE)
        wait_until(lambda: sandbox.summary().create_requests > 1, timeout_seconds=30)
        with private_redis.suspended():
            wait_until(lambda: noticed(output.read_text()), timeout_seconds=120)

        second = send(database, job_queue, church_id)

        await_sent(database, church_id, second, seconds=60.0)
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        await_sent(database, church_id, first, count=AUDIENCE, seconds=60.0)
        assert worker.poll() is None
    assert len(sandbox.ledger()) == AUDIENCE + 2
