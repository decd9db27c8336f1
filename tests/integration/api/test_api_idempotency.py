"""Idempotency-Key: a repeated request creates one message."""

from __future__ import annotations

import html
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient

from store import messages
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch
from tests.harness.waiting import wait_until

SEND = "/api/messages/send"


def body_of(church: KnownChurch, content: str = "Grace and peace") -> dict[str, str]:
    return {"churchId": str(church.church_id), "content": content, "targetType": "all"}


def stored(database: Database, church: KnownChurch) -> int:
    with church_scope(database, church.church_id) as connection:
        return len(messages.page(connection, church_id=church.church_id, before=None, limit=1000))


def test_a_repeated_request_returns_the_same_message(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    headers = church.bearer | {"Idempotency-Key": "sunday-1"}

    first = client.post(SEND, json=body_of(church), headers=headers)
    again = client.post(SEND, json=body_of(church), headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stored(database, church) == 1


def test_an_equivalent_body_is_the_same_request(client: FlaskClient, church: KnownChurch) -> None:
    headers = church.bearer | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    body = {**body_of(church), "targetType": "numbers", "phoneNumbers": ["+12025550123"]}
    rewritten = dict(reversed(list(body.items()))) | {"phoneNumbers": ["(202) 555-0123"], "channel": "sms"}

    first = client.post(SEND, data=json.dumps(body), headers=headers)
    again = client.post(SEND, data=json.dumps(rewritten, indent=4), headers=headers)

    assert again.status_code == 202
    assert again.get_json()["id"] == first.get_json()["id"]


def test_the_same_key_with_another_body_is_a_conflict(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    headers = church.bearer | {"Idempotency-Key": "sunday-1"}
    client.post(SEND, json=body_of(church), headers=headers)

    answer = client.post(SEND, json=body_of(church, "Something else"), headers=headers)

    assert answer.status_code == 409
    assert answer.mimetype == "application/problem+json"
    assert stored(database, church) == 1


def test_a_request_repeated_after_its_send_time_is_the_same_request(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    for seconds in (1, 5, 25):  # a busy machine may take longer than a second for the first request
        send_at = datetime.now(UTC) + timedelta(seconds=seconds)
        headers = church.bearer | {"Idempotency-Key": f"vespers-{seconds}"}
        body = body_of(church) | {"sendAt": send_at.isoformat()}
        first = client.post(SEND, json=body, headers=headers)
        if first.get_json()["status"] == "scheduled":
            break
    before = stored(database, church)
    wait_until(lambda: datetime.now(UTC) > send_at, timeout_seconds=60)

    again = client.post(SEND, json=body, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert (first.get_json()["status"], again.get_json()["status"]) == ("scheduled", "accepted")
    assert first.get_json()["id"] == again.get_json()["id"]
    assert first.get_json()["sendAt"] == again.get_json()["sendAt"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stored(database, church) == before


def test_the_same_idempotency_key_is_independent_in_each_church(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    ids = {
        client.post(SEND, json=body_of(each), headers=each.bearer | {"Idempotency-Key": "same"}).get_json()["id"]
        for each in (church, other_church)
    }

    assert len(ids) == 2


def test_a_refused_request_does_not_use_up_its_key(client: FlaskClient, church: KnownChurch) -> None:
    headers = church.bearer | {"Idempotency-Key": "k"}
    unknown = {**body_of(church), "targetType": "contacts", "contactIds": [str(church.church_id)]}
    assert client.post(SEND, json=unknown, headers=headers).status_code == 422

    assert client.post(SEND, json=body_of(church), headers=headers).status_code == 202


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "sunday morning", "käse"])
def test_an_invalid_idempotency_key_is_reported_as_a_field(client: FlaskClient, church: KnownChurch, key: str) -> None:
    answer = client.post(SEND, json=body_of(church), headers=church.bearer | {"Idempotency-Key": key})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["Idempotency-Key"]


def test_a_hundred_concurrent_requests_create_one_message(app: Flask, church: KnownChurch, database: Database) -> None:
    together = Barrier(100)

    def send(_: int) -> tuple[int, str, bool]:
        """As a client does: a request that finds no free connection to PostgreSQL is answered 503, and repeated."""
        client = app.test_client()
        together.wait()
        headers = church.bearer | {"Idempotency-Key": "blast"}
        while (answer := client.post(SEND, json=body_of(church), headers=headers)).status_code == 503:
            pass
        return answer.status_code, answer.get_json().get("id"), "Idempotent-Replayed" in answer.headers

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(send, range(100)))

    assert {status for status, _, _ in answers} == {202}
    assert len({message_id for _, message_id, _ in answers}) == 1
    assert sum(replayed for _, _, replayed in answers) == 99
    assert stored(database, church) == 1


@pytest.mark.parametrize("path", [SEND, "/api/schedules", "run-now"])
def test_a_request_without_an_idempotency_key_is_accepted_with_a_hint(
    client: FlaskClient, church: KnownChurch, path: str
) -> None:
    plan = body_of(church) | {"recurrence": {"cron": "0 9 * * SUN"}}
    body = body_of(church) if path == SEND else plan
    if path == "run-now":
        made = client.post("/api/schedules", json=plan, headers=church.bearer | {"Idempotency-Key": "plan"})
        path, body = f"/api/schedules/{made.get_json()['id']}/run-now", {}

    without = client.post(path, json=body, headers=church.bearer)
    with_one = client.post(path, json=body, headers=church.bearer | {"Idempotency-Key": "k"})

    assert without.status_code == with_one.status_code in (201, 202)
    assert without.headers["Idempotency-Key-Missing"] == "true"
    assert "Idempotency-Key-Missing" not in with_one.headers


def test_the_idempotency_key_is_documented_and_in_every_example(client: FlaskClient) -> None:
    document, page = client.get("/openapi.json").get_json(), client.get("/docs").text
    taking = {
        path: operation
        for path, item in document["paths"].items()
        for operation in item.values()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    }

    assert set(taking) == {
        SEND,
        "/api/schedules",
        "/api/schedules/{scheduleId}/run-now",
        "/api/conversations/{conversationId}/reply",
        "/api/inbound/{inboundMessageId}/reply",
    }
    for path, operation in taking.items():
        success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        assert {"Idempotent-Replayed", "Idempotency-Key-Missing"} <= set(success["headers"])
        unavailable = operation["responses"]["503"]["content"]["application/problem+json"]["examples"]
        assert set(unavailable) == {"unavailable", "outcome-unknown"}
        [example] = [each for each in page.split("<pre")[1:] if f"{path} " in each.partition("</pre>")[0]]
        assert "Idempotency-Key: $(uuidgen)" in html.unescape(example.partition("</pre>")[0])
