"""What flies between jobs: nobody waits for somebody else's answers, and nothing goes missing on landing."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from jobs.redis_doorbell import RedisDoorbell
from messaging.states import Status
from sandbox.control import Faults, Sandbox
from settings import Settings
from store.database import Database, system_scope
from tests.harness.churches import found_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import RunWorker, compose, counts, expanded
from tests.integration.store.ledger import numbers


@pytest.fixture
def slow(settings: Settings, sandbox: Sandbox) -> Settings:
    """A carrier that takes half a second, and lines of twenty."""
    sandbox.set_faults(Faults(latency_ms=500))
    return settings.model_copy(
        update={"carrier_timeout_seconds": 5.0, "lease_seconds": 20.0, "carrier_connections": 20, "turn_size": 500}
    )


def test_a_small_church_does_not_wait_for_a_large_one(
    slow: Settings, database: Database, doorbell: RedisDoorbell, sandbox: Sandbox, tmp_path: Path
) -> None:
    large, small = found_church(database).church_id, found_church(database).church_id
    to_many = compose(database, large, numbers=numbers(300))
    with running_worker(slow, tmp_path / "output"):
        doorbell.ring_expansion(channel="sms")
        wait_until(lambda: len(sandbox.ledger()) >= 15, timeout_seconds=30)
        to_few = compose(database, small, numbers=numbers(5, first=5000))
        doorbell.ring_expansion(channel="sms")
        wait_until(lambda: counts(database, small, to_few) == {Status.SENT: 5}, timeout_seconds=30)
        assert counts(database, large, to_many)[Status.QUEUED] > 150
        sandbox.clear_faults()
        wait_until(lambda: counts(database, large, to_many) == {Status.SENT: 300}, timeout_seconds=30)
    assert len(sandbox.ledger()) == 305


def test_one_church_never_fills_the_line(
    slow: Settings, database: Database, doorbell: RedisDoorbell, tmp_path: Path, sandbox: Sandbox
) -> None:
    church = found_church(database).church_id
    compose(database, church, numbers=numbers(200))
    flying: list[int] = []

    def look() -> bool:
        with system_scope(database) as connection:
            row = connection.execute("SELECT count(*) FROM deliveries WHERE status = 'sending'").fetchone()
        flying.append(row[0] if row else 0)
        return len(sandbox.ledger()) > 100

    with running_worker(slow, tmp_path / "output"):
        doorbell.ring_expansion(channel="sms")
        wait_until(look, timeout_seconds=60)

    # Landed and not yet recorded they still are `sending`, besides the fifteen that may fly.
    assert 10 <= max(flying) <= 30


def test_outcomes_that_cannot_be_written_are_in_doubt_and_the_line_lives_on(
    settings: Settings,
    database: Database,
    doorbell: RedisDoorbell,
    sandbox: Sandbox,
    superuser_database_url: str,
    tmp_path: Path,
) -> None:
    church, other = found_church(database).church_id, found_church(database).church_id
    message = expanded(database, church)
    output = tmp_path / "output"
    with running_worker(settings, output), psycopg.connect(superuser_database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE deliveries ADD CONSTRAINT broken CHECK (status <> 'sent')")
        try:
            doorbell.ring_turn(channel="sms", church_id=church)
            wait_until(lambda: "outcomes cannot be recorded" in output.read_text(), timeout_seconds=30)
        finally:
            connection.execute("ALTER TABLE deliveries DROP CONSTRAINT broken")
        assert counts(database, church, message) == {Status.SENDING: 3}
        assert len(sandbox.ledger()) == 3

        following = expanded(database, other)
        doorbell.ring_turn(channel="sms", church_id=other)
        wait_until(lambda: counts(database, other, following) == {Status.SENT: 3}, timeout_seconds=30)


def test_a_message_that_cannot_be_expanded_holds_up_no_other(
    database: Database, doorbell: RedisDoorbell, work: RunWorker
) -> None:
    church = found_church(database).church_id
    broken = compose(database, church, contacts=[UUID(int=1)])
    sound = compose(database, church, numbers=numbers(3))
    with system_scope(database) as connection:
        connection.execute(
            'UPDATE messages SET target = \'{"contactIds": ["no id"]}\' WHERE message_id = %s', (broken,)
        )

    doorbell.ring_expansion(channel="sms")
    work()

    assert counts(database, church, sound) == {Status.SENT: 3}
    assert counts(database, church, broken) == {}
