"""The command line of an app with real servers behind it."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
from click.testing import Result
from redis import Redis

from api import commands
from api.app import create_app
from api.services import services
from jobs.job_queue.redis_connection import open_redis
from settings import Settings, load_settings
from store.database import Database, open_database

Run = Callable[..., Result]


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        public_url="http://127.0.0.1:9",
    )


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs a command, with `changes` to its settings."""

    def invoke(*arguments: str, input: str | None = None, **changes: object) -> Result:  # noqa: A002 - as click calls it
        app = create_app(settings.model_copy(update=changes))
        commands.register(app)
        try:
            return app.test_cli_runner().invoke(args=list(arguments), input=input)
        finally:
            services(app).close()

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
