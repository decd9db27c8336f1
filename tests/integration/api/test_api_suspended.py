"""A suspended church: what it creates is refused, what it has can be read, and what was accepted says why it waits."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from store import suspensions
from store.database import Database, system_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.api.test_api_schedules import a_plan, make
from tests.integration.jobs.scheduling import rows

SUSPENDED = "/docs#problem-church-suspended"


@pytest.fixture(autouse=True)
def _contacts(database: Database, church: KnownChurch, other_church: KnownChurch) -> None:
    for each in (church, other_church):
        add_contacts(database, each.church_id, count=2)


def suspend(database: Database, church: KnownChurch) -> None:
    with system_scope(database) as connection:
        assert suspensions.suspend(connection, church.church_id, reason="complaints about spam")


def send(client: FlaskClient, church: KnownChurch, **headers: str) -> Any:
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"}
    return client.post("/api/messages/send", json=body, headers={**church.bearer, **headers})


def assert_refused(response: Any) -> None:
    problem = response.get_json()
    assert (response.status_code, problem["type"]) == (403, SUSPENDED)
    assert "spam" not in response.text, "the reason is for operators"


def test_a_send_is_refused_and_nothing_is_stored(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    suspend(database, church)

    assert_refused(send(client, church))

    assert rows(database, "SELECT count(*) FROM messages") == [(0,)]
    assert rows(database, "SELECT coalesce(sum(segments), 0) FROM daily_segments") == [(0,)]
    assert send(client, other_church).status_code == 202


def test_a_send_on_a_channel_without_a_sender_is_refused_for_the_suspension(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    rows(database, "DELETE FROM senders")
    suspend(database, church)

    assert_refused(send(client, church))


def test_a_repeated_send_that_was_accepted_before_gets_its_message(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    first = send(client, church, **{"Idempotency-Key": "sunday"})
    suspend(database, church)

    again = send(client, church, **{"Idempotency-Key": "sunday"})

    assert (again.status_code, again.get_json()["id"]) == (202, first.get_json()["id"])


def test_a_schedule_is_neither_created_nor_run_by_hand(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    schedule = make(client, church)
    suspend(database, church)

    assert_refused(client.post("/api/schedules", json=a_plan(church), headers=church.bearer))
    assert_refused(client.post(f"{schedule['links']['self']}/run-now", headers=church.bearer))

    assert rows(database, "SELECT (SELECT count(*) FROM schedules), (SELECT count(*) FROM messages)") == [(1, 0)]


def test_everything_can_be_read_and_a_message_says_that_it_waits(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    message = send(client, church).get_json()
    suspend(database, church)

    for path in ("/api/messages", "/api/contacts", "/api/schedules"):
        assert client.get(path, headers=church.bearer).status_code == 200
    shown = client.get(message["links"]["self"], headers=church.bearer).get_json()
    assert shown["waitingFor"]["reason"] == "church-suspended"
    assert shown["waitingFor"]["since"] is not None
    assert "spam" not in shown["waitingFor"]["detail"]


def test_sends_are_accepted_again_after_the_suspension(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    suspend(database, church)
    with system_scope(database) as connection:
        suspensions.resume(connection, church.church_id)

    assert send(client, church).status_code == 202
