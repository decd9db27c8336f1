"""What people say of a message while a worker is sending it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from jobs.job_queue.redis_job_queue import RedisJobQueue
from messaging.addresses import AddressKind
from messaging.states import Status
from settings import Settings
from store import message_expansion, message_lifecycle
from store.database import Database, church_scope, system_scope
from tests.harness.churches import create_church
from tests.harness.waiting import wait_until
from tests.harness.worker_process import running_worker
from tests.integration.jobs.conftest import compose, counts
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Faults, Sandbox

AUDIENCE = 400
HEARD_SECONDS = 2.0
"""After this nothing more of a paused message may be submitted."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"carrier_timeout_seconds": 5.0, "lease_seconds": 20.0, "batch_size": 20, "carrier_connections": 20}
    )


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@pytest.fixture
def worker(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """At a carrier that takes its time: some fifty texts a second."""
    sandbox.set_faults(Faults(latency_ms=400))
    with running_worker(settings, tmp_path / "output"):
        yield


def start_sending(database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox) -> UUID:
    """A message of which some is sent and most is not."""
    message = compose(database, church_id, numbers=numbers(AUDIENCE))
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: sandbox.summary().create_requests > 30, timeout_seconds=30)
    return message


def pause(database: Database, church_id: UUID, message: UUID) -> None:
    with church_scope(database, church_id) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message)


def resume(database: Database, church_id: UUID, message: UUID) -> None:
    with church_scope(database, church_id) as connection:
        found = message_lifecycle.lock(connection, church_id=church_id, message_id=message)
        assert found is not None
        message_lifecycle.resume(connection, church_id=church_id, message=found)


def submitted(database: Database) -> list[str | None]:
    """The addresses that the ledger holds for sent."""
    with system_scope(database) as connection:
        rows = connection.execute("SELECT address FROM deliveries WHERE status = 'sent'").fetchall()
    return sorted(address for (address,) in rows)


def test_a_pause_is_heeded_soon_and_resuming_sends_exactly_the_rest(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    message = start_sending(database, job_queue, church_id, sandbox)

    pause(database, church_id, message)
    time.sleep(HEARD_SECONDS)
    heard = sandbox.summary().create_requests
    for _ in range(5):
        job_queue.enqueue_batch(channel="sms", church_id=church_id)
        time.sleep(0.3)

    assert sandbox.summary().create_requests == heard < AUDIENCE / 2
    assert counts(database, church_id, message) == {Status.SENT: heard, Status.QUEUED: AUDIENCE - heard}

    sandbox.clear_faults()
    resume(database, church_id, message)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    wait_until(lambda: counts(database, church_id, message) == {Status.SENT: AUDIENCE}, timeout_seconds=30)
    assert sorted(row.to for row in sandbox.ledger()) == numbers(AUDIENCE)


def test_what_was_canceled_and_what_was_sent_are_the_audience(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    message = start_sending(database, job_queue, church_id, sandbox)

    with church_scope(database, church_id) as connection:
        spared = message_lifecycle.cancel(connection, church_id=church_id, message_id=message)
    time.sleep(HEARD_SECONDS)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    time.sleep(0.5)

    assert spared > AUDIENCE / 2
    assert counts(database, church_id, message) == {Status.SENT: AUDIENCE - spared, Status.CANCELED: spared}
    assert sorted(row.to for row in sandbox.ledger()) == submitted(database)
    assert sandbox.summary().create_requests == AUDIENCE - spared


def test_a_large_paused_message_does_not_hold_up_the_churchs_next(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    large = compose(database, church_id, numbers=numbers(5000))
    with church_scope(database, church_id) as connection:
        message_expansion.expand(
            connection, church_id=church_id, message_id=large, address_kind=AddressKind.PHONE, keeps_quiet_hours=True
        )
    pause(database, church_id, large)
    following = compose(database, church_id, numbers=numbers(15, first=6000))
    wait_until(lambda: job_queue.enqueue_batch(channel="sms", church_id=church_id))

    job_queue.enqueue_expansion(channel="sms")

    wait_until(lambda: counts(database, church_id, following) == {Status.SENT: 15}, timeout_seconds=20)
    assert counts(database, church_id, large) == {Status.QUEUED: 5000}
    with system_scope(database) as connection:  # and nothing of it was as much as looked at
        assert connection.execute("SELECT count(*) FROM deliveries WHERE due_at = 'infinity'").fetchone() == (5000,)
