"""X-Request-ID and the access line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from store.database import Database, church_scope
from tests.harness.churches import KnownChurch

LogLines = Callable[[], list[dict[str, Any]]]


def test_a_valid_request_id_is_kept_in_the_message_and_the_log(
    client: FlaskClient, church: KnownChurch, database: Database, log_lines: LogLines
) -> None:
    name = "front-end.42_a"
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}

    answer = client.post("/api/messages/send", json=body, headers=church.bearer | {"X-Request-ID": name})

    assert answer.headers["X-Request-ID"] == name
    with church_scope(database, church.church_id) as connection:
        assert connection.execute("SELECT request_id FROM messages").fetchall() == [(name,)]
    assert {line["request_id"] for line in log_lines()} == {name}


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "<script>", "ä"])
def test_an_invalid_request_id_is_replaced(client: FlaskClient, name: str) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": name})

    assert UUID(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/health/live", "/health/live", 200),
        ("/secret/+12025550123", None, 404),
        ("/api/contacts?x=1", "/api/contacts", 401),
    ],
)
def test_each_request_has_one_access_log_line(
    client: FlaskClient, log_lines: LogLines, path: str, route: str | None, status: int
) -> None:
    client.get(path)

    [line] = [line for line in log_lines() if line["logger"] == "api.access"]
    assert (line["method"], line["route"], line["status"]) == ("GET", route, status)
    assert line["duration_ms"] >= 0


def test_neither_content_nor_numbers_are_logged(client: FlaskClient, church: KnownChurch, log_lines: LogLines) -> None:
    body = {
        "churchId": str(church.church_id),
        "content": "very private",
        "targetType": "numbers",
        "phoneNumbers": ["+12025550123", "5550199"],
    }

    client.post("/api/messages/send", json=body, headers=church.bearer)

    logged = str(log_lines())
    assert logged != "[]"
    assert not any(private in logged for private in ("very private", "2025550123", "5550199", church.key))
