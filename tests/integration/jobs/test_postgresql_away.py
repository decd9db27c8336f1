"""PostgreSQL is killed or suspended while a worker sends: every text is sent once and recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import OperationalError
from redis import Redis

from jobs.job_queue.redis_connection import rq_queue
from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database
from tests.harness.churches import create_church
from tests.harness.private_postgres import PrivatePostgres, private_postgres
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

AUDIENCE = 40
RESULTS_CANNOT_BE_RECORDED = "results cannot be recorded yet"
GIVEN_UP = "PostgreSQL is unresponsive"


@pytest.fixture(scope="module")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    with private_postgres(tmp_path_factory.mktemp("own")) as postgres:
        yield postgres


@pytest.fixture
def settings(settings: Settings, _postgres: PrivatePostgres) -> Settings:
    changes = {
        "database_url": _postgres.url,
        "carrier_timeout_seconds": 20.0,
        "lease_seconds": 120.0,
        "carrier_connections": 2 * AUDIENCE,  # of which a church may use three quarters
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


def kill_and_restart(postgres: PrivatePostgres, output: Path) -> None:
    postgres.kill()
    wait_until(lambda: RESULTS_CANNOT_BE_RECORDED in output.read_text(), timeout_seconds=60)
    postgres.start()


def suspend_and_resume(postgres: PrivatePostgres, output: Path) -> None:
    with postgres.suspended():
        wait_until(lambda: GIVEN_UP in output.read_text(), timeout_seconds=90)


def suspend_and_kill(postgres: PrivatePostgres, output: Path) -> None:
    with postgres.suspended():
        wait_until(lambda: GIVEN_UP in output.read_text(), timeout_seconds=90)
        postgres.kill()
    postgres.start()


@pytest.mark.parametrize(
    "interrupt",
    [
        kill_and_restart,
        pytest.param(suspend_and_resume, marks=pytest.mark.extended),
        pytest.param(suspend_and_kill, marks=pytest.mark.extended),
    ],
)
def test_results_are_recorded_and_the_next_message_is_sent_once_postgresql_is_back(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    redis: Redis,
    sandbox: Sandbox,
    _postgres: PrivatePostgres,
    tmp_path: Path,
    interrupt: Callable[[PrivatePostgres, Path], None],
) -> None:
    output = tmp_path / "output"
    sandbox.set_faults(Faults(latency_ms=2500))
    with running_worker(settings, output) as worker:
        message = compose(database, church_id, numbers=numbers(AUDIENCE))
        assert job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: sandbox.summary().create_requests == AUDIENCE, timeout_seconds=60)
        # A job that PostgreSQL interrupts waits for its retry, which only the clock enqueues.
        wait_until(lambda: not rq_queue(redis, "sms").started_job_registry.count, timeout_seconds=60)
        interrupt(_postgres, output)

        wait_until(lambda: _sent(database, church_id, message) == AUDIENCE, timeout_seconds=90)
        following = compose(database, church_id, numbers=numbers(1), content="And another")
        assert job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: _sent(database, church_id, following) == 1, timeout_seconds=90)
        assert worker.poll() is None
    assert sorted(row.to for row in sandbox.ledger() if row.body != "And another") == numbers(AUDIENCE)


def _sent(database: Database, church_id: UUID, message: UUID) -> int:
    try:
        return counts(database, church_id, message).get(Status.SENT, 0)
    except OperationalError:
        return 0
