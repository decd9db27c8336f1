"""Deliveries in flight between jobs: no church waits for another's replies, and every result is recorded."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.states import Status
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts, expanded
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox


@pytest.fixture
def slow(settings: Settings, sandbox: Sandbox) -> Settings:
    """The carrier replies after 0.4 s, and there are twenty slots."""
    sandbox.set_faults(Faults(latency_ms=400))
    return settings.model_copy(update={"carrier_connections": 20, "batch_size": 500})


def test_a_small_church_does_not_wait_for_a_large_one(
    slow: Settings, database: Database, job_queue: RedisJobQueue, sandbox: Sandbox, tmp_path: Path
) -> None:
    large, small = create_church(database).church_id, create_church(database).church_id
    to_many = compose(database, large, numbers=numbers(300))
    with running_worker(slow, tmp_path / "output"):
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: len(sandbox.ledger()) >= 15, timeout_seconds=60)
        to_few = compose(database, small, numbers=numbers(5, first=5000))
        job_queue.enqueue_expansion(channel="sms")
        wait_until(lambda: counts(database, small, to_few) == {Status.SENT: 5}, timeout_seconds=60)
        assert counts(database, large, to_many)[Status.QUEUED] > 0
        sandbox.clear_faults()
        wait_until(lambda: counts(database, large, to_many) == {Status.SENT: 300}, timeout_seconds=60)
    assert len(sandbox.ledger()) == 305


def test_one_church_never_occupies_all_slots(
    slow: Settings, database: Database, job_queue: RedisJobQueue, tmp_path: Path, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    compose(database, church_id, numbers=numbers(100))
    in_flight: list[int] = []

    def enough_were_sent() -> bool:
        with system_scope(database) as connection:
            row = connection.execute("SELECT count(*) FROM deliveries WHERE status = 'sending'").fetchone()
        in_flight.append(row[0] if row else 0)
        return len(sandbox.ledger()) > 40

    with running_worker(slow, tmp_path / "output"):
        job_queue.enqueue_expansion(channel="sms")
        wait_until(enough_were_sent, timeout_seconds=60)

    # `sending` are the fifteen that may be in flight, and those whose results are not recorded yet.
    assert 10 <= max(in_flight) <= 30


def test_results_that_cannot_be_written_are_in_doubt_and_the_dispatcher_goes_on(
    settings: Settings,
    database: Database,
    job_queue: RedisJobQueue,
    sandbox: Sandbox,
    superuser_database_url: str,
    tmp_path: Path,
) -> None:
    church_id, other = create_church(database).church_id, create_church(database).church_id
    message = expanded(database, church_id)
    output = tmp_path / "output"
    with running_worker(settings, output), psycopg.connect(superuser_database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE deliveries ADD CONSTRAINT broken CHECK (status <> 'sent')")
        try:
            job_queue.enqueue_batch(channel="sms", church_id=church_id)
            wait_until(lambda: "results cannot be recorded" in output.read_text(), timeout_seconds=60)
        finally:
            connection.execute("ALTER TABLE deliveries DROP CONSTRAINT broken")
        assert counts(database, church_id, message) == {Status.SENDING: 3}
        assert len(sandbox.ledger()) == 3

        following = expanded(database, other)
        job_queue.enqueue_batch(channel="sms", church_id=other)
        wait_until(lambda: counts(database, other, following) == {Status.SENT: 3}, timeout_seconds=60)


def test_a_message_that_cannot_be_expanded_does_not_block_others(
    database: Database, job_queue: RedisJobQueue, work: RunWorker
) -> None:
    church_id = create_church(database).church_id
    broken = compose(database, church_id, contacts=[UUID(int=1)])
    sound = compose(database, church_id, numbers=numbers(3))
    with system_scope(database) as connection:
        connection.execute(
            'UPDATE messages SET target = \'{"contactIds": ["no id"]}\' WHERE message_id = %s', (broken,)
        )

    job_queue.enqueue_expansion(channel="sms")
    work()

    assert counts(database, church_id, sound) == {Status.SENT: 3}
    assert counts(database, church_id, broken) == {}
