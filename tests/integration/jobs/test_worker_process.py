"""`python -m jobs.worker.run_worker sms`: Redis starts late, is lost and comes back; the process is stopped."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from rq import Worker

from jobs.job_queue.redis_connection import open_redis
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.private_redis import PrivateRedis
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.blocked_jobs import locked_table
from tests.integration.jobs.conftest import RunWorker, compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

CONNECTIONS, AUDIENCE = 10, 60
STOP_TIMEOUT_SECONDS = 60


@pytest.fixture
def private_redis(tmp_path: Path, free_port: int) -> Iterator[PrivateRedis]:
    with closing(PrivateRedis(tmp_path, free_port)) as own:
        yield own


@pytest.fixture
def settings(settings: Settings, private_redis: PrivateRedis) -> Settings:
    changes = {
        "redis_url": private_redis.url,
        "carrier_timeout_seconds": 30.0,
        "lease_seconds": 120.0,
        "carrier_connections": CONNECTIONS,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The worker's log."""
    return tmp_path / "output"


@pytest.fixture
def worker(settings: Settings, private_redis: PrivateRedis, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    private_redis.start()
    with running_worker(settings, output) as process:
        yield process


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def send(database: Database, job_queue: RedisJobQueue, church_id: UUID, *, count: int = 1) -> UUID:
    message = compose(database, church_id, numbers=numbers(count))
    assert job_queue.enqueue_expansion(channel="sms")
    return message


def wait_until_sent(database: Database, church_id: UUID, message: UUID, *, count: int = 1) -> None:
    wait_until(lambda: counts(database, church_id, message) == {Status.SENT: count}, timeout_seconds=60)


def wait_until_idle(settings: Settings) -> None:
    """Wait until a worker waits for jobs."""
    with closing(open_redis(settings)) as redis:
        wait_until(
            lambda: [redis.hget(key, "state") for key in Worker.all_keys(connection=redis)] == [b"idle"],
            timeout_seconds=60,
        )


def kill_redis_during_a_job(
    database: Database, job_queue: RedisJobQueue, private_redis: PrivateRedis, output: Path
) -> None:
    """Return once the worker has ended the job and tries to reconnect."""
    with locked_table(database, "messages") as lock:
        job_queue.enqueue_expansion(channel="sms")
        lock.wait_until_a_job_waits()
        private_redis.kill()
    wait_until(lambda: "waiting for Redis" in output.read_text(), timeout_seconds=60)


@pytest.mark.extended
def test_started_before_redis_it_waits_and_then_serves(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    output: Path,
) -> None:
    with running_worker(settings, output) as worker:
        wait_until(lambda: "waiting for Redis" in output.read_text(), timeout_seconds=60)
        assert worker.poll() is None

        private_redis.start()

        wait_until_sent(database, church_id, send(database, job_queue, church_id))


@pytest.mark.extended
def test_it_serves_again_after_redis_was_killed_and_came_back_empty_while_it_was_idle(
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    worker: subprocess.Popen[bytes],
) -> None:
    wait_until_sent(database, church_id, send(database, job_queue, church_id))

    private_redis.kill()
    private_redis.start()

    wait_until_sent(database, church_id, send(database, job_queue, church_id))
    assert worker.poll() is None


def test_it_serves_again_after_redis_was_killed_and_came_back_empty_during_a_job(
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    worker: subprocess.Popen[bytes],
    output: Path,
) -> None:
    kill_redis_during_a_job(database, job_queue, private_redis, output)

    private_redis.start()

    wait_until_sent(database, church_id, send(database, job_queue, church_id))
    assert worker.poll() is None


def test_stopped_while_it_reconnects_to_redis_after_a_job_it_exits(
    database: Database,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    worker: subprocess.Popen[bytes],
    output: Path,
) -> None:
    kill_redis_during_a_job(database, job_queue, private_redis, output)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=STOP_TIMEOUT_SECONDS) == 0


STOP_WHILE_LOGGING = """
import logging, os, signal
format_record, event = logging.Handler.format, {event!r}

def stop_and_format(handler, record):
    global event
    if event and event in str(record.msg):
        event = None
        os.kill(os.getpid(), signal.SIGTERM)
    return format_record(handler, record)

logging.Handler.format = stop_and_format
"""
"""The process gets SIGTERM while it formats the first log record of the event. Logging catches any Exception there."""


def test_stopped_while_it_logs_that_it_waits_for_redis_it_exits(settings: Settings, output: Path) -> None:
    with running_worker(settings, output, before_start=STOP_WHILE_LOGGING.format(event="waiting for Redis")) as worker:
        assert worker.wait(timeout=STOP_TIMEOUT_SECONDS) == 0


def test_stopped_while_it_logs_that_it_lost_redis_it_exits(
    settings: Settings, private_redis: PrivateRedis, output: Path
) -> None:
    private_redis.start()
    before_start = STOP_WHILE_LOGGING.format(event="could not connect to Redis")
    with running_worker(settings, output, before_start=before_start) as worker:
        wait_until_idle(settings)
        private_redis.kill()

        assert worker.wait(timeout=STOP_TIMEOUT_SECONDS) == 0


@pytest.mark.parametrize(
    "redis_stays",
    [pytest.param(True, id="Redis there"), pytest.param(False, id="Redis away", marks=pytest.mark.extended)],
)
def test_stopped_during_a_batch_it_leaves_nothing_in_flight(
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    sandbox: Sandbox,
    work: RunWorker,
    worker: subprocess.Popen[bytes],
    output: Path,
    redis_stays: bool,
) -> None:
    sandbox.set_faults(Faults(latency_ms=1000))
    message = send(database, job_queue, church_id, count=AUDIENCE)
    wait_until(lambda: sandbox.summary().create_requests >= CONNECTIONS // 2, timeout_seconds=60)
    if not redis_stays:
        private_redis.kill()

    worker.send_signal(signal.SIGTERM)
    submitted_at_stop = _submitted_when_it_stops(worker, output, sandbox)
    exit_code = worker.wait(timeout=STOP_TIMEOUT_SECONDS)

    sent = len(sandbox.ledger())
    assert CONNECTIONS // 2 <= sent < AUDIENCE
    assert sent <= submitted_at_stop + CONNECTIONS, "nothing was submitted after the signal but what was in flight"
    assert counts(database, church_id, message) == {Status.SENT: sent, Status.QUEUED: AUDIENCE - sent}
    assert exit_code == 0
    if redis_stays:
        sandbox.clear_faults()
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        work()
        assert sorted(row.to for row in sandbox.ledger()) == numbers(AUDIENCE)


def _submitted_when_it_stops(worker: subprocess.Popen[bytes], output: Path, sandbox: Sandbox) -> int:
    """The number of requests to the carrier once the worker has noticed the signal."""
    wait_until(
        lambda: "warm shut down requested" in output.read_text() or worker.poll() is not None,
        timeout_seconds=STOP_TIMEOUT_SECONDS,
    )
    return sandbox.summary().create_requests


def test_stopped_while_idle_it_exits(
    database: Database, church_id: UUID, job_queue: RedisJobQueue, worker: subprocess.Popen[bytes]
) -> None:
    wait_until_sent(database, church_id, send(database, job_queue, church_id))

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=STOP_TIMEOUT_SECONDS) == 0


def _has_given_up_waiting(log: str) -> bool:
    """Whether the worker has stopped waiting for an answer of Redis, while idle or at the end of a job."""
    return "could not connect to Redis" in log or "Redis connection timeout" in log


@pytest.mark.extended
def test_it_serves_again_after_redis_was_suspended_and_resumed(
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    private_redis: PrivateRedis,
    sandbox: Sandbox,
    worker: subprocess.Popen[bytes],
    output: Path,
) -> None:
    wait_until_sent(database, church_id, send(database, job_queue, church_id))
    sandbox.set_faults(Faults(latency_ms=1000))
    first = send(database, job_queue, church_id, count=AUDIENCE)
    wait_until(lambda: sandbox.summary().create_requests > 1, timeout_seconds=60)
    with private_redis.suspended():
        wait_until(lambda: _has_given_up_waiting(output.read_text()), timeout_seconds=120)

    second = send(database, job_queue, church_id)

    wait_until_sent(database, church_id, second)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    wait_until_sent(database, church_id, first, count=AUDIENCE)
    assert worker.poll() is None
    assert len(sandbox.ledger()) == AUDIENCE + 2
