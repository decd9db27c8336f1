"""ENABLE_QUEUES=false: the same jobs run in the thread that enqueues them, without Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from api.app import create_app
from api.services import services
from jobs.clock import __main__ as clock
from jobs.job_queue.job_queue import JobQueue
from jobs.job_queue.open_job_queue import open_job_queue
from messaging.states import Status
from settings import Settings, load_settings
from store.database import Database, open_database, system_scope
from tests.harness.churches import add_contacts, create_church
from tests.harness.inbound_messages import deliver, inbound_form
from tests.harness.waiting import wait_until
from tests.integration.jobs.conftest import compose, counts
from tools.sandbox.control import Faults, Next, Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN


@pytest.fixture
def settings(database_url: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("REDIS_URL", raising=False)
    return load_settings(
        database_url=database_url,
        enable_queues=False,
        twilio_api_base_url=sandbox.base_url,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        public_url="http://127.0.0.1:9",
        batch_size=20,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database_url, size=2, name="test")
    yield database
    database.close()


@pytest.fixture
def job_queue(settings: Settings) -> Iterator[JobQueue]:
    job_queue = open_job_queue(settings)
    yield job_queue
    job_queue.close()


def test_everything_is_sent_before_enqueue_returns(database: Database, job_queue: JobQueue, sandbox: Sandbox) -> None:
    church_id = create_church(database).church_id
    add_contacts(database, church_id, count=100)  # many batches, each enqueued by the one before
    message = compose(database, church_id)

    enqueued = job_queue.enqueue_expansion(channel="sms")

    assert enqueued
    assert counts(database, church_id, message) == {Status.SENT: 100}
    assert len({row.to for row in sandbox.ledger()}) == 100


def test_a_job_that_fails_does_not_fail_the_caller(database: Database, job_queue: JobQueue) -> None:
    church_id = create_church(database, sender="+15005550007").church_id
    message = compose(database, church_id, numbers=["+12025550123"])

    enqueued = job_queue.enqueue_expansion(channel="sms")

    assert not enqueued
    assert counts(database, church_id, message) == {Status.QUEUED: 1}


def test_the_clock_sends_a_message_and_its_retry_when_they_are_due(
    settings: Settings, database: Database, sandbox: Sandbox
) -> None:
    church_id = create_church(database).church_id
    later = compose(database, church_id, numbers=["+12025550123"], send_at=datetime.now(UTC) + timedelta(seconds=1))
    sandbox.set_faults(Faults(too_many_requests=Next(count=1)))
    stop = threading.Event()
    running = threading.Thread(target=clock.run, args=(settings, stop))
    running.start()
    try:
        wait_until(lambda: counts(database, church_id, later) == {Status.SENT: 1}, timeout_seconds=60)
    finally:
        stop.set()
        running.join()
    not_early = "SELECT deliveries.updated_at >= send_at FROM deliveries JOIN messages USING (message_id)"
    with system_scope(database) as connection:
        assert connection.execute(not_early).fetchall() == [(True,)]


def test_a_keyword_is_answered_within_the_request_of_the_carrier(
    settings: Settings, database: Database, sandbox: Sandbox
) -> None:
    create_church(database, sender="+13035550147")
    app = create_app(settings)
    form = inbound_form("Please stop", sender="+12025550123", to="+13035550147")
    token = settings.twilio_auth_token.get_secret_value()

    try:
        answer = deliver(app.test_client(), form, public_url=settings.public_url, token=token)
    finally:
        services(app).close()

    assert answer.status_code == 200
    [confirmation] = sandbox.ledger()
    assert (confirmation.to, confirmation.sender) == ("+12025550123", "+13035550147")
