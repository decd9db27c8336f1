"""The app against real servers, and churches that may use it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.services import services
from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.job_kinds import JobKind
from jobs.worker.run_worker import run_worker
from settings import Settings, load_settings
from store.database import Database
from tests.harness.churches import KnownChurch, create_church
from tests.integration.api.importer import Importer

TWILIO_TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "https://texts.example.org"


@pytest.fixture(scope="session")
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        enable_queues=True,
        mail_enabled=True,
        analytics_enabled=True,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=TWILIO_TOKEN,
        public_url=PUBLIC_URL,
        log_format="json",
        log_level="INFO",
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    services(app).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def database(app: Flask) -> Database:
    return services(app).database


@pytest.fixture
def church(database: Database) -> KnownChurch:
    return create_church(database)


@pytest.fixture
def other_church(database: Database) -> KnownChurch:
    return create_church(database)


@pytest.fixture
def enqueued(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The jobs that the app enqueues from now on, as (name, argument, …). A thread writes them to Redis soon after."""
    job_queue, jobs = services(app).job_queue, list[tuple[str, ...]]()
    enqueue = job_queue.enqueue

    def record(kind: JobKind, queue: str, *arguments: str) -> bool:
        jobs.append((kind.name, *arguments))
        return enqueue(kind, queue, *arguments)

    monkeypatch.setattr(job_queue, "enqueue", record)
    return jobs


@pytest.fixture
def log_lines(app: Flask) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Returns the fields of every line that the app has logged since the test began."""
    handler = cast("logging.StreamHandler[TextIO]", logging.getLogger().handlers[0])
    written = io.StringIO()
    before = handler.setStream(written)
    assert before is not None
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)


@pytest.fixture
def work(app: Flask, settings: Settings) -> Callable[[], None]:
    """Runs what is enqueued on the housekeeping queue."""

    def run() -> None:
        job_queue = services(app).job_queue
        assert isinstance(job_queue, BufferedJobQueue)
        job_queue.wait_until_idle()
        run_worker(settings, "analytics", burst=True)

    return run


@pytest.fixture
def importer(client: FlaskClient, database: Database, church: KnownChurch, work: Callable[[], None]) -> Importer:
    return Importer(client, database, church, work)
