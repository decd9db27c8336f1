"""Settings and churches for an API that is served by gunicorn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from settings import Settings, load_settings
from store.database import Database, open_database
from tests.harness.churches import KnownChurch, create_church

TWILIO_TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="session")
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(
        database_url=database_url,
        redis_url=redis_url,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=TWILIO_TOKEN,
        twilio_api_base_url="http://127.0.0.1:9",
        public_url="https://texts.example.org",
        log_format="json",
    )


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[Database]:
    database = open_database(settings.database_url, size=2, name="tests")
    yield database
    database.close()


@pytest.fixture
def church(database: Database) -> KnownChurch:
    return create_church(database)
