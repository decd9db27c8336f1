"""Jobs run by real workers, enqueued in a real Redis, sending to a real HTTP carrier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

import pytest
from flask import Flask
from redis import Redis

from api.services import services
from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.redis_connection import open_redis
from jobs.job_queue.redis_job_queue import RedisJobQueue
from jobs.worker.run_worker import run_worker
from messaging.addresses import AddressKind
from messaging.states import Status
from settings import Settings, load_settings
from store import message_expansion, messages
from store.database import Database, church_scope, open_database
from store.messages import NewMessage
from tests.integration.store.ledger import numbers
from tools.sandbox.control import Sandbox
from tools.sandbox.credentials import ACCOUNT_SID, AUTH_TOKEN

RunWorker = Callable[..., None]


@pytest.fixture
def settings(database_url: str, redis_url: str, sandbox: Sandbox) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_api_base_url=sandbox.base_url,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=AUTH_TOKEN,
        public_url="http://127.0.0.1:9",
        carrier_timeout_seconds=20.0,
        lease_seconds=60.0,
        batch_size=50,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database_url, size=4, name="test")
    yield database
    database.close()


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    redis = open_redis(settings)
    yield redis
    redis.close()


@pytest.fixture
def job_queue(settings: Settings) -> RedisJobQueue:
    return RedisJobQueue(settings)


@pytest.fixture
def work(settings: Settings, request: pytest.FixtureRequest) -> RunWorker:
    """Runs a worker in this process until the queue is empty. It first waits for what the app is to enqueue, if any."""

    def run(queue: str = "sms", *, with_settings: Settings = settings) -> None:
        if "app" in request.fixturenames:
            wait_until_enqueued(request.getfixturevalue("app"))
        run_worker(with_settings, queue, burst=True)

    return run


def wait_until_enqueued(app: Flask) -> None:
    """Wait until the app's background thread has enqueued every job that was requested."""
    job_queue = services(app).job_queue
    assert isinstance(job_queue, BufferedJobQueue)
    job_queue.wait_until_idle()


def compose(
    database: Database,
    church_id: UUID,
    *,
    numbers: list[str] | None = None,
    contacts: list[UUID] | None = None,
    content: str = "See you on Sunday",
    segments: int = 1,
    send_at: datetime | None = None,
    channel: str = "sms",
) -> UUID:
    """Store a message as the API does, to all contacts, to numbers or to some contacts. Returns its id."""
    target: dict[str, list[str]] = {}
    target_type = "all"
    if numbers is not None:
        target_type, target = "numbers", {"phoneNumbers": numbers}
    elif contacts is not None:
        target_type, target = "contacts", {"contactIds": [str(contact) for contact in contacts]}
    new = NewMessage(
        church_id=church_id,
        channel=channel,
        content=content,
        segments=segments,
        target_type=target_type,
        target=target,
        idempotency_key=None,
        request_hash=bytes(32),
        request_id="request-1",
        send_at=send_at,
    )
    with church_scope(database, church_id) as connection:
        message, _ = messages.insert(connection, new)
    return message.message_id


def expanded(database: Database, church_id: UUID, *, channel: str = "sms") -> UUID:
    """Store a message to three numbers and expand it, so that only its batches are left to submit. Returns its id."""
    message = compose(database, church_id, numbers=numbers(3), channel=channel)
    with church_scope(database, church_id) as connection:
        message_expansion.expand(
            connection, message_ids=[message], address_kind=AddressKind.PHONE, keeps_quiet_hours=True
        )
    return message


def counts(database: Database, church_id: UUID, message_id: UUID) -> dict[Status, int]:
    """The number of the message's deliveries by status, without the zeros."""
    with church_scope(database, church_id) as connection:
        return {status: count for status, count in messages.counts(connection, message_id).items() if count}
