"""The command line of an app with real servers behind it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from api.app import create_app
from api.services import services
from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.redis_connection import open_redis
from settings import Settings, load_settings
from store.database import Database, open_database

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        public_url="http://127.0.0.1:9",
    )


@contextmanager
def opened_app(settings: Settings) -> Generator[Flask]:
    """The app as the command line loads it: without a warm-up."""
    app = create_app(settings, warm=False)
    try:
        yield app
    finally:
        services(app).close()


@pytest.fixture(scope="module")
def app(settings: Settings) -> Generator[Flask]:
    with opened_app(settings) as app:
        yield app


@pytest.fixture(scope="module")
def web_client(settings: Settings) -> Generator[FlaskClient]:
    """A client of a web process that runs before, during and after each command."""
    with opened_app(settings) as app:
        yield app.test_client()


@pytest.fixture
def run(app: Flask, settings: Settings) -> Run:
    """Runs a command, with `changes` to its settings. What it enqueued is in Redis when it returns."""

    def invoke(*arguments: str, input: str | None = None, **changes: object) -> Result:  # noqa: A002 - as click calls it
        if changes:
            with opened_app(settings.model_copy(update=changes)) as changed_app:
                return changed_app.test_cli_runner().invoke(args=list(arguments), input=input)
        result = app.test_cli_runner().invoke(args=list(arguments), input=input)
        job_queue = services(app).job_queue
        assert isinstance(job_queue, BufferedJobQueue)
        job_queue.wait_until_idle()
        return result

    return invoke


@pytest.fixture
def database(settings: Settings) -> Generator[Database]:
    database = open_database(settings.database_url, size=2, name="test")
    yield database
    database.close()


@pytest.fixture
def redis(settings: Settings) -> Generator[Redis]:
    redis = open_redis(settings)
    yield redis
    redis.close()
