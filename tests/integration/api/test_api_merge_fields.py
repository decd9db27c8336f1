"""Merge fields in messages and schedules: what is accepted, what is refused, and what each recipient gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from messaging.merge_fields import MergeContact, parse
from store import contacts, message_expansion
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.harness.churches import KnownChurch, create_church
from tests.integration.jobs.scheduling import run_schedules

SEND, SCHEDULES = "/api/messages/send", "/api/schedules"
RUTH, LEA = "+12025550123", "+12025550124"
FIELDS = "name, firstName, lastName, phone, email"


@pytest.fixture
def church(database: Database, church: KnownChurch) -> KnownChurch:
    """A church with the field `campus` and two contacts."""
    with church_scope(database, church.church_id) as connection:
        connection.execute("INSERT INTO contact_fields (church_id, name) VALUES (%s, 'campus')", [church.church_id])
        people = [Person(name="Ruth Miller", phone=RUTH), Person(name="", phone=LEA)]
        contacts.add(connection, church_id=church.church_id, people=people)
        connection.execute("UPDATE contacts SET fields = %s WHERE phone = %s", [Jsonb({"campus": "North"}), RUTH])
    return church


def body(church: KnownChurch, content: str, **changes: Any) -> dict[str, Any]:
    return {"churchId": str(church.church_id), "content": content, "targetType": "all", **changes}


def send(client: FlaskClient, church: KnownChurch, content: str, **changes: Any) -> dict[str, Any]:
    answer = client.post(SEND, json=body(church, content, **changes), headers=church.bearer)
    assert answer.status_code == 202, answer.text
    return answer.get_json()


def errors(client: FlaskClient, church: KnownChurch, path: str, sent: dict[str, Any]) -> dict[str, str]:
    answer = client.post(path, json=sent, headers=church.bearer)
    assert answer.status_code == 422, answer.text
    return {error["field"]: error["message"] for error in answer.get_json()["errors"]}


def expand(database: Database, church: KnownChurch, message_id: str) -> None:
    with church_scope(database, church.church_id) as connection:
        message_expansion.expand(
            connection,
            message_ids=[UUID(message_id)],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
        )


def shown_texts(client: FlaskClient, church: KnownChurch, message_id: str) -> dict[str, str | None]:
    page = client.get(f"/api/messages/{message_id}/deliveries", headers=church.bearer).get_json()
    return {each["address"]: each["content"] for each in page["items"]}


def remove_campus(database: Database) -> None:
    with system_scope(database) as connection:
        connection.execute("DELETE FROM contact_fields")


def test_the_deliveries_show_the_text_of_each_recipient(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    message = send(client, church, "Hi {{firstName|friend}} of {{ campus | our church }}")
    expand(database, church, message["id"])

    assert shown_texts(client, church, message["id"]) == {RUTH: "Hi Ruth of North", LEA: "Hi friend of our church"}


def test_a_message_without_merge_fields_shows_its_text_once(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    message = send(client, church, "Hi all of you")
    expand(database, church, message["id"])

    assert shown_texts(client, church, message["id"]) == {RUTH: None, LEA: None}


def test_the_segments_of_a_message_are_those_with_the_defaults(client: FlaskClient, church: KnownChurch) -> None:
    assert send(client, church, "{{firstName|" + "a" * 155 + "}} {{campus}}")["segments"] == 1
    assert send(client, church, "{{firstName|" + "a" * 161 + "}}")["segments"] == 2


@pytest.mark.parametrize("path", [SEND, SCHEDULES])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Hi {{firstName", "has {{ at character 4 without }} after it; \\{{ stands for {{ itself"),
        (
            "Hi {{first name}}",
            "has no valid merge field at character 4, but {{first name}}: write {{firstName}}, or "
            "{{firstName|friend}} with a default",
        ),
        ("Hi {{fristName}}", 'has an unknown merge field "fristName" at character 4: did you mean "firstName"?'),
        ("Hi {{age}}", f'has an unknown merge field "age" at character 4: the fields are {FIELDS}, campus'),
    ],
)
def test_unknown_fields_and_broken_braces_are_refused(
    client: FlaskClient, church: KnownChurch, path: str, content: str, expected: str
) -> None:
    sent = body(church, content)
    if path == SCHEDULES:
        sent |= {"recurrence": {"rrule": "FREQ=WEEKLY;BYDAY=SU"}, "startsAt": "2026-01-04T09:00:00"}

    assert errors(client, church, path, sent) == {"content": expected}


@pytest.mark.parametrize(("characters", "warnings"), [(1588, []), (1589, ["texts-too-long"])])
def test_a_text_that_values_may_make_too_long_is_accepted_with_a_warning(
    client: FlaskClient, church: KnownChurch, database: Database, characters: int, warnings: list[str]
) -> None:
    """The longest name has 11 characters, with a space before it."""
    sent = send(client, church, "a" * characters + " {{name}}")
    expand(database, church, sent["id"])

    assert [warning["code"] for warning in sent["warnings"]] == warnings
    page = client.get(f"{sent['links']['self']}/deliveries", headers=church.bearer).get_json()["items"]
    reasons = {each["address"]: each["reason"] for each in page}
    assert reasons == {RUTH: "text too long" if warnings else None, LEA: None}


def test_a_refused_message_is_not_stored(client: FlaskClient, church: KnownChurch) -> None:
    errors(client, church, SEND, body(church, "Hi {{age}}"))

    assert client.get("/api/messages", headers=church.bearer).get_json()["items"] == []


def test_the_fields_of_another_church_are_unknown(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    other = create_church(database)

    assert "campus" in errors(client, other, SEND, body(other, "Hi {{campus}}"))["content"]


def test_an_edit_is_checked_and_merged_anew(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    message = send(client, church, "Hi {{name}}")
    path = message["links"]["self"]

    refused = client.patch(path, json={"content": "Hi {{age}}"}, headers=church.bearer)
    changed = client.patch(path, json={"content": "Dear {{firstName|all}}"}, headers=church.bearer)
    expand(database, church, message["id"])

    assert (refused.status_code, changed.status_code) == (422, 200)
    assert shown_texts(client, church, message["id"]) == {RUTH: "Dear Ruth", LEA: "Dear all"}
    with system_scope(database) as connection:
        assert connection.execute("SELECT DISTINCT segments FROM deliveries").fetchall() == [(1,)]


def test_an_edit_can_remove_the_merge_fields(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    message = send(client, church, "Hi {{name}}")
    client.patch(message["links"]["self"], json={"content": "Hi"}, headers=church.bearer)
    expand(database, church, message["id"])

    assert shown_texts(client, church, message["id"]) == {RUTH: None, LEA: None}


def a_schedule(client: FlaskClient, church: KnownChurch, content: str) -> dict[str, Any]:
    sent = body(church, content, recurrence={"cron": "0 9 * * *"})
    answer = client.post(SCHEDULES, json=sent, headers=church.bearer)
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def run_next(database: Database, schedule: dict[str, Any]) -> None:
    """Run the schedule as at the time of its next run; its message is due at once."""
    run_schedules(database, now=datetime.fromisoformat(schedule["nextRunAt"]) + timedelta(seconds=1))
    with system_scope(database) as connection:
        connection.execute("UPDATE messages SET send_at = now()")


def test_a_run_of_a_schedule_has_the_merge_fields_of_the_schedule(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    schedule = a_schedule(client, church, "Hi {{name}}")
    client.patch(schedule["links"]["self"], json={"content": "Hi {{firstName|you}}"}, headers=church.bearer)
    ran = client.post(f"{schedule['links']['self']}/run-now", headers=church.bearer).get_json()
    expand(database, church, ran["id"])
    run_next(database, schedule)
    [by_rule] = [
        each
        for each in client.get("/api/messages", headers=church.bearer).get_json()["items"]
        if each["id"] != ran["id"]
    ]
    expand(database, church, by_rule["id"])

    expected = {RUTH: "Hi Ruth", LEA: "Hi you"}
    assert shown_texts(client, church, ran["id"]) == shown_texts(client, church, by_rule["id"]) == expected


def test_a_run_with_a_field_that_was_removed_is_skipped_with_the_reason(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    schedule = a_schedule(client, church, "Hi {{campus}}")
    remove_campus(database)
    run_next(database, schedule)

    [run] = client.get(f"{schedule['links']['self']}/runs", headers=church.bearer).get_json()["items"]
    by_hand = client.post(f"{schedule['links']['self']}/run-now", headers=church.bearer)

    assert (run["outcome"], run["reason"]) == (
        "skipped",
        "its text has a merge field that contacts do not have any more",
    )
    assert by_hand.status_code == 409
    assert "campus" in by_hand.text


def test_the_export_of_a_person_has_the_text_that_the_person_got(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    message = send(client, church, "Hi {{firstName|friend}}")
    expand(database, church, message["id"])

    exported = client.post("/api/people/export", json={"addresses": [RUTH]}, headers=church.bearer).get_json()

    assert [each["content"] for each in exported["deliveries"]] == ["Hi Ruth"]


PIECES = st.text("ab {}|\\%é€", max_size=8) | st.sampled_from(
    ["{{firstName}}", "{{campus|x}}", "{{name}}", "{{nmae}}", "{{", "}}", "\\{{"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(content=st.lists(PIECES, min_size=1, max_size=5).map("".join))
def test_any_text_is_sent_as_the_rule_says_or_refused(
    client: FlaskClient, church: KnownChurch, database: Database, content: str
) -> None:
    answer = client.post(SEND, json=body(church, content), headers=church.bearer)

    assert answer.status_code in (202, 422), answer.text
    if answer.status_code == 202:
        message_id = answer.get_json()["id"]
        expand(database, church, message_id)
        ruth = MergeContact(name="Ruth Miller", phone=RUTH, fields={"campus": "North"})
        shown = shown_texts(client, church, message_id)
        assert shown[RUTH] == (parse(content).merge(ruth) if "{{" in content else None)
