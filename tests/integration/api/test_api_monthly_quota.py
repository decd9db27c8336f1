"""The monthly quota at the API: a warning at 80 percent, a refusal with the remedy at 100."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store import monthly_quotas
from store.audit import Actor
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.store.ledger import numbers

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def church(database: Database, church: KnownChurch) -> KnownChurch:
    """A church that may send ten segments a month."""
    with system_scope(database) as connection:
        monthly_quotas.set_quota(
            connection, church_id=church.church_id, quota=10, actor=Actor(kind="command", name="test")
        )
    return church


def send(client: FlaskClient, church: KnownChurch, count: int, *, key: str = "", **changes: Any) -> TestResponse:
    body = {"churchId": str(church.church_id), "content": "Come", "targetType": "numbers"}
    headers = {**church.bearer, **({"Idempotency-Key": key} if key else {})}
    return client.post("/api/messages/send", json=body | {"phoneNumbers": numbers(count)} | changes, headers=headers)


def codes(answer: TestResponse) -> list[str]:
    assert answer.status_code == 202, answer.text
    return [warning["code"] for warning in answer.get_json()["warnings"]]


def test_a_message_is_accepted_with_a_warning_when_most_of_the_quota_is_used(
    client: FlaskClient, church: KnownChurch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    assert codes(send(client, church, 7)) == []
    assert codes(send(client, church, 1, key="eighth")) == ["quota-nearly-used"]
    assert codes(send(client, church, 1, key="eighth")) == ["quota-nearly-used"]
    assert codes(send(client, church, 1)) == ["quota-nearly-used"]

    logged = [line for line in log_lines() if line["event"] == "most of the monthly quota of the church is used"]
    assert [(line["level"], line["church_id"]) for line in logged] == [("warning", str(church.church_id))]


def test_the_warning_says_how_much_is_used_and_when_it_begins_anew(client: FlaskClient, church: KnownChurch) -> None:
    [warning] = send(client, church, 9).get_json()["warnings"]

    assert warning["message"].startswith("9 of the 10 segments that the church may send in ")
    assert warning["message"].endswith("-01.")


def test_a_refusal_names_the_quota_what_is_used_and_when_it_begins_anew(
    client: FlaskClient, church: KnownChurch
) -> None:
    send(client, church, 8)

    answer = send(client, church, 3)

    now = datetime.now(ZONE)
    assert answer.status_code == 429
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["type"] == "/docs#problem-monthly-quota-reached"
    detail = answer.get_json()["detail"]
    assert "This needs 3 segments. The church's quota is 10 a month, of which 8 are used or reserved" in detail
    assert f"{now:%B %Y}" in detail
    assert "at midnight in America/New_York" in detail
    assert "Retry-After" not in answer.headers
    assert codes(send(client, church, 2)) == ["quota-nearly-used"]


def test_a_schedule_whose_run_needs_more_than_a_month_is_refused(
    client: FlaskClient, database: Database, church: KnownChurch
) -> None:
    add_contacts(database, church.church_id, count=11)
    plan = {
        "churchId": str(church.church_id),
        "content": "Come",
        "targetType": "all",
        "recurrence": {"cron": "0 9 * * SUN"},
    }

    answer = client.post("/api/schedules", json=plan, headers=church.bearer)

    assert answer.status_code == 429
    assert answer.get_json()["type"] == "/docs#problem-monthly-quota-reached"


def test_canceling_gives_back_what_was_reserved(client: FlaskClient, church: KnownChurch) -> None:
    accepted = send(client, church, 10).get_json()
    assert send(client, church, 1).status_code == 429

    client.post(f"/api/messages/{accepted['id']}/cancel", headers=church.bearer)

    assert codes(send(client, church, 7)) == []
