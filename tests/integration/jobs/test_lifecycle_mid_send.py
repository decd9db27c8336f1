"""A message is paused, resumed and canceled while a worker sends it."""

from __future__ import annotations

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

AUDIENCE, CONNECTIONS = 200, 20
LAST_NUMBER = "+12125550100"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_size": 20, "carrier_connections": CONNECTIONS})


@pytest.fixture
def church_id(database: Database) -> UUID:
    return create_church(database).church_id


@pytest.fixture
def worker(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[None]:
    """A worker with a slow carrier, at which it sends some forty texts a second."""
    sandbox.set_faults(Faults(latency_ms=400))
    with running_worker(settings, tmp_path / "output"):
        yield


def start_sending(database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox) -> UUID:
    """Send a message, and return its id when some of it is submitted and most is not."""
    message = compose(database, church_id, numbers=numbers(AUDIENCE))
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: sandbox.summary().create_requests > CONNECTIONS, timeout_seconds=60)
    return message


def finish_submissions(database: Database, job_queue: RedisJobQueue, church_id: UUID) -> None:
    """Wait until nothing is in flight and the worker has run every job, among them another batch of the church.

    The worker takes jobs in order, so it has run them once the text of another church is sent.
    """
    wait_until(lambda: not has_deliveries_in_flight(database), timeout_seconds=60)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    other = create_church(database).church_id
    last = compose(database, other, numbers=[LAST_NUMBER])
    job_queue.enqueue_expansion(channel="sms")
    wait_until(lambda: counts(database, other, last) == {Status.SENT: 1}, timeout_seconds=60)


def has_deliveries_in_flight(database: Database) -> bool:
    with system_scope(database) as connection:
        [(found,)] = connection.execute("SELECT EXISTS (SELECT FROM deliveries WHERE status = 'sending')").fetchall()
    return found


def recipients(sandbox: Sandbox) -> list[str]:
    """To whom the carrier has texts of the church, in order of the numbers."""
    return sorted(row.to for row in sandbox.ledger() if row.to != LAST_NUMBER)


def pause(database: Database, church_id: UUID, message: UUID) -> None:
    with church_scope(database, church_id) as connection:
        message_lifecycle.pause(connection, church_id=church_id, message_id=message)


def resume(database: Database, church_id: UUID, message: UUID) -> None:
    with church_scope(database, church_id) as connection:
        found = message_lifecycle.lock(connection, church_id=church_id, message_id=message)
        assert found is not None
        message_lifecycle.resume(connection, church_id=church_id, message=found)


def sent_addresses(database: Database) -> list[str]:
    """The addresses of the church's deliveries that are recorded as sent, in order."""
    with system_scope(database) as connection:
        rows = connection.execute(
            "SELECT address FROM deliveries WHERE status = 'sent' AND address <> %s", (LAST_NUMBER,)
        ).fetchall()
    return sorted(address for (address,) in rows)


def test_a_paused_message_stops_after_what_is_in_flight_and_resuming_sends_exactly_the_rest(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    message = start_sending(database, job_queue, church_id, sandbox)

    pause(database, church_id, message)
    submitted_at_pause = sandbox.summary().create_requests
    finish_submissions(database, job_queue, church_id)

    sent = len(recipients(sandbox))
    assert sent <= submitted_at_pause + CONNECTIONS
    assert sent < AUDIENCE
    assert counts(database, church_id, message) == {Status.SENT: sent, Status.QUEUED: AUDIENCE - sent}

    sandbox.clear_faults()
    resume(database, church_id, message)
    job_queue.enqueue_batch(channel="sms", church_id=church_id)
    wait_until(lambda: counts(database, church_id, message) == {Status.SENT: AUDIENCE}, timeout_seconds=60)
    assert recipients(sandbox) == numbers(AUDIENCE)


def test_a_message_that_is_canceled_during_the_send_has_only_sent_and_canceled_deliveries(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    message = start_sending(database, job_queue, church_id, sandbox)

    with church_scope(database, church_id) as connection:
        canceled = message_lifecycle.cancel(connection, church_id=church_id, message_id=message).deliveries
    finish_submissions(database, job_queue, church_id)

    assert canceled > 0
    assert counts(database, church_id, message) == {Status.SENT: AUDIENCE - canceled, Status.CANCELED: canceled}
    assert recipients(sandbox) == sent_addresses(database)
    assert len(recipients(sandbox)) == AUDIENCE - canceled


def test_a_large_paused_message_does_not_delay_the_churchs_next_message(
    database: Database, job_queue: RedisJobQueue, church_id: UUID, sandbox: Sandbox, worker: None
) -> None:
    large = compose(database, church_id, numbers=numbers(5000))
    with church_scope(database, church_id) as connection:
        message_expansion.expand(
            connection, message_ids=[large], address_kind=AddressKind.PHONE, keeps_quiet_hours=True
        )
    pause(database, church_id, large)
    following = compose(database, church_id, numbers=numbers(15, first=6000))
    wait_until(lambda: job_queue.enqueue_batch(channel="sms", church_id=church_id), timeout_seconds=60)

    job_queue.enqueue_expansion(channel="sms")

    wait_until(lambda: counts(database, church_id, following) == {Status.SENT: 15}, timeout_seconds=60)
    assert counts(database, church_id, large) == {Status.QUEUED: 5000}
    with system_scope(database) as connection:  # no claim has looked at any of its deliveries
        assert connection.execute("SELECT count(*) FROM deliveries WHERE due_at = 'infinity'").fetchone() == (5000,)
