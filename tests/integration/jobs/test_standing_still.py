"""A worker whose PostgreSQL stands still in the middle of a send: nothing is lost and nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import OperationalError

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
GIVEN_UP = "PostgreSQL is unresponsive"


@pytest.fixture(scope="module")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePostgres]:
    with private_postgres(tmp_path_factory.mktemp("own")) as postgres:
        yield postgres


@pytest.fixture
def settings(settings: Settings, _postgres: PrivatePostgres) -> Settings:
    changes = {
        "database_url": _postgres.url,
        "carrier_timeout_seconds": 10.0,
        "lease_seconds": 60.0,
        "carrier_connections": AUDIENCE,
    }
    return settings.model_copy(update=changes)


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@pytest.mark.parametrize("how", ["goes on", "dies"])
def test_what_the_carrier_took_is_recorded_once_and_the_next_message_is_sent(
    settings: Settings,
    database: Database,
    church_id: UUID,
    job_queue: RedisJobQueue,
    sandbox: Sandbox,
    _postgres: PrivatePostgres,
    tmp_path: Path,
    how: str,
) -> None:
    output = tmp_path / "output"
    sandbox.set_faults(Faults(latency_ms=1500))
    with running_worker(settings, output) as worker:
        message = compose(database, church_id, numbers=numbers(AUDIENCE))
        assert job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: sandbox.summary().create_requests == AUDIENCE, timeout_seconds=60)
        with ExitStack() as still:
            still.enter_context(_postgres.suspended())
            wait_until(lambda: GIVEN_UP in output.read_text(), timeout_seconds=90)
            if how == "dies":
                _postgres.kill()
        if how == "dies":
            _postgres.start()

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
