"""Every error is answered with a problem document, and never with a stack trace."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import authentication
from api.app import create_app
from api.authentication import PUBLIC
from api.services import services
from settings import Settings
from tests.harness.churches import KnownChurch

SEND = "/api/messages/send"


@pytest.fixture(scope="module")
def unconnected_app(settings: Settings) -> Iterator[Flask]:
    """The app with addresses of PostgreSQL and Redis on which nothing listens, and with a short timeout."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        app = create_app(
            settings.model_copy(
                update={
                    "database_url": f"postgresql://app:app@127.0.0.1:{port}/app",
                    "redis_url": f"redis://127.0.0.1:{port}/0",
                }
            ),
            warm=False,
        )
        database = services(app).database
        database.timeouts = replace(database.timeouts, connection=0.3)  # seconds
        yield app
        services(app).close()


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/", "//api/messages", "/api/messages/", "/api/messages/%00", "/callbacks"]
)
def test_an_unknown_path_answers_404_with_a_problem(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    returned = answer.get_json()
    assert (returned["status"], returned["requestId"]) == (404, answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SEND, {"POST"}),
        ("DELETE", "/api/contacts", {"GET", "HEAD", "POST"}),
        ("OPTIONS", SEND, {"POST"}),
        ("POST", "/health/live", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_answers_405_with_the_allowed_ones(
    client: FlaskClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)

    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null x", b'{"content": "\xff"}', b'{"content": "\\ud800"}', b"[" * 100_000, b"NaN1"]
)
def test_a_body_that_is_not_json_is_malformed(client: FlaskClient, church: KnownChurch, body: bytes) -> None:
    answer = client.post(SEND, data=body, headers=church.bearer, content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"5", b"NaN"])
def test_a_body_that_is_not_an_object_is_reported_as_the_field_body(
    client: FlaskClient, church: KnownChurch, body: bytes
) -> None:
    answer = client.post(SEND, data=body, headers=church.bearer, content_type="application/json")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["body"]


@pytest.mark.parametrize("path", [SEND, "/api/schedules"])
def test_at_most_a_hundred_unknown_fields_are_listed(client: FlaskClient, church: KnownChurch, path: str) -> None:
    body = {f"x[{number}]": 1 for number in range(5_000)} | {"x[" + "9" * 5_000 + "]": 1, "": 1}

    answer = client.post(path, data=json.dumps(body), headers=church.bearer, content_type="application/json")

    assert answer.status_code == 422
    problem = answer.get_json()
    unknown = [error["field"] for error in problem["errors"] if error["message"] == "is not a known field"]
    assert len(problem["errors"]) == 100
    assert len(unknown) > 90  # besides the missing fields
    assert unknown == [f"x[{number}]" for number in range(len(unknown))]
    assert problem["moreErrors"] > 4_800


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_media_type_is_refused(client: FlaskClient, church: KnownChurch, media_type: str | None) -> None:
    answer = client.post(SEND, data=b"{}", headers=church.bearer, content_type=media_type)

    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")


@pytest.mark.parametrize("path", [SEND, "/api/contacts"])
def test_a_body_too_large_is_refused(client: FlaskClient, church: KnownChurch, path: str) -> None:
    answer = client.post(path, data=b" " * 8_000_001, headers=church.bearer, content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", SEND), ("GET", "/api/messages"), ("POST", "/api/contacts"), ("GET", "/api/contacts")],
)
def test_without_the_database_requests_answer_503_with_retry_after(
    unconnected_app: Flask, church: KnownChurch, method: str, path: str
) -> None:
    answer = unconnected_app.test_client().open(path, method=method, headers=church.bearer, json={})

    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.text


def test_without_the_database_the_process_is_alive_but_not_ready(unconnected_app: Flask) -> None:
    client = unconnected_app.test_client()

    ready = client.get("/health/ready")

    assert client.get("/health/live").status_code == 200
    assert ready.status_code == 503
    assert ready.get_json()["status"] == "not ready"
    assert not ready.get_json()["checks"]["postgresql"]["ok"]


def test_an_internal_error_answers_500_without_its_traceback(
    settings: Settings, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    app = create_app(settings)

    def broken() -> str:
        raise RuntimeError("the secret is 12345")

    app.add_url_rule("/broken", "broken", broken)
    authentication.declare(app, "broken", PUBLIC)

    answer = app.test_client().get("/broken")
    services(app).close()

    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "12345" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.get_json()["requestId"] == answer.headers["X-Request-ID"]


def test_a_lock_timeout_answers_503_and_states_that_nothing_was_stored(
    settings: Settings, church: KnownChurch, superuser_database_url: str
) -> None:
    app = create_app(settings)
    database = services(app).database
    database.timeouts = replace(database.timeouts, lock=0.2)
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}
    with psycopg.connect(superuser_database_url) as other:
        other.execute("LOCK messages IN ACCESS EXCLUSIVE MODE")

        answer = app.test_client().post(SEND, json=body, headers=church.bearer | {"Idempotency-Key": "k"})
    services(app).close()

    assert (answer.status_code, answer.get_json()["type"]) == (503, "/docs#problem-unavailable")
    assert "too busy" in answer.get_json()["detail"]
    assert "Nothing was stored" in answer.get_json()["detail"]
