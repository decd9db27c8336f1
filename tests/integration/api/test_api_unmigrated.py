"""With an unmigrated database the API answers 503, and it serves after the migration without a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from api.app import create_app
from api.keys import new_key
from api.services import services
from settings import Settings
from store.migrate import migrate
from tests.harness.churches import create_church
from tests.harness.databases import empty_database_beside
from tests.integration.api.test_api_callbacks import a_form, address_of, signed

COMMAND = "python -m store.migrate"
CALLBACK = address_of(UUID(int=7))


@pytest.fixture
def unmigrated(settings: Settings, superuser_database_url: str) -> Iterator[Flask]:
    with empty_database_beside(settings.database_url, superuser_database_url) as url:
        app = create_app(settings.model_copy(update={"database_url": url}))
        yield app
        services(app).close()


def test_an_unmigrated_database_is_not_ready_and_the_reason_names_the_command(unmigrated: Flask) -> None:
    answer = unmigrated.test_client().get("/health/ready")

    assert answer.status_code == 503
    assert answer.get_json()["status"] == "not ready"
    assert COMMAND in answer.get_json()["checks"]["postgresql"]["reason"]
    assert unmigrated.test_client().get("/health/live").status_code == 200


def test_requests_answer_503_and_no_error_is_logged(
    unmigrated: Flask, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    client, bearer, form = unmigrated.test_client(), {"Authorization": f"Bearer {new_key()[0]}"}, a_form()

    answers = [
        client.get("/api/messages", headers=bearer),
        client.post("/api/messages/send", headers=bearer, json={}),
        client.post(CALLBACK, data=form, headers=signed(CALLBACK, form)),
    ]

    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert COMMAND in answer.get_json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    assert {line["level"] for line in log_lines()} <= {"info", "warning"}


def test_requests_are_served_after_the_migration(unmigrated: Flask) -> None:
    client = unmigrated.test_client()
    assert client.get("/health/ready").status_code == 503

    migrate(services(unmigrated).settings.database_url)

    assert client.get("/health/ready").status_code == 200
    church = create_church(services(unmigrated).database)
    assert client.get("/api/messages", headers=church.bearer).status_code == 200
