"""Messages and schedules to groups: who gets one, and which groups cannot be deleted meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from messaging.addresses import AddressKind
from store import groups, message_expansion
from store.database import Database, church_scope, system_scope
from store.message_expansion import GroupMissing
from tests.harness.churches import KnownChurch, add_contacts
from tests.harness.waiting import wait_until
from tests.integration.api.test_api_groups import change_members, create

SEND = "/api/messages/send"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


def send(client: FlaskClient, church: KnownChurch, **changes: Any) -> TestResponse:
    body = {"churchId": str(church.church_id), "content": "See you at 10:30", "targetType": "groups", **changes}
    return client.post(SEND, json=body, headers=church.bearer)


def sent_to(database: Database, answer: TestResponse) -> list[str]:
    """Expands the message and returns the numbers that get it."""
    assert answer.status_code == 202, answer.text
    message_id = UUID(answer.get_json()["id"])
    with system_scope(database) as connection:
        connection.execute("UPDATE messages SET send_at = now() WHERE message_id = %s", (message_id,))
        message_expansion.expand(
            connection,
            message_ids=[message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
            segment_weight=1,
            default_limit=1000,
            default_regions=["US"],
        )
        rows = connection.execute(
            "SELECT address FROM deliveries WHERE message_id = %s AND status = 'queued' ORDER BY 1", (message_id,)
        ).fetchall()
    return [address for (address,) in rows]


class People:
    """Five contacts, of whom 0 to 3 are in `most` and 2 to 4 in `others`."""

    def __init__(self, client: FlaskClient, church: KnownChurch, database: Database) -> None:
        self.ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=5)]
        self.numbers = [f"+1202555000{number}" for number in range(5)]
        self.most, self.others = create(client, church, "Most"), create(client, church, "Others")
        change_members(client, church, f"{self.most}/members", self.ids[:4])
        change_members(client, church, f"{self.others}/members", self.ids[2:])


@pytest.fixture
def people(client: FlaskClient, church: KnownChurch, database: Database) -> People:
    return People(client, church, database)


def test_each_member_of_the_groups_gets_one_text_and_excluded_ones_none(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    both = send(client, church, groupIds=[people.most, people.others])
    without = send(client, church, groupIds=[people.most], excludeGroupIds=[people.others])
    all_without = send(client, church, targetType="all", excludeGroupIds=[people.most])

    assert sent_to(database, both) == people.numbers
    assert sent_to(database, without) == people.numbers[:2]
    assert sent_to(database, all_without) == people.numbers[4:]


def test_the_audience_is_who_is_in_the_group_when_it_is_sent(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    answer = send(client, church, groupIds=[people.most], sendAt=TOMORROW)
    change_members(client, church, f"{people.most}/members/remove", people.ids[:1])
    change_members(client, church, f"{people.most}/members", people.ids[4:])

    assert sent_to(database, answer) == people.numbers[1:]


def test_a_message_shows_its_groups(client: FlaskClient, church: KnownChurch, people: People) -> None:
    answer = send(client, church, groupIds=[people.most], excludeGroupIds=[people.others])

    shown = client.get(answer.headers["Location"], headers=church.bearer).get_json()

    assert (shown["targetType"], shown["groupIds"]) == ("groups", [people.most])
    assert (shown["excludeGroupIds"], shown["contactIds"]) == ([people.others], None)


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({}, "groupIds"),
        ({"groupIds": []}, "groupIds"),
        ({"groupIds": [str(uuid4())] * 101}, "groupIds"),
        ({"groupIds": ["Youth"]}, "groupIds[0]"),
        ({"targetType": "all", "groupIds": [str(uuid4())]}, "groupIds"),
        (
            {"targetType": "numbers", "phoneNumbers": ["+12025550123"], "excludeGroupIds": [str(uuid4())]},
            "excludeGroupIds",
        ),
    ],
)
def test_a_target_that_does_not_fit_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, target: dict[str, Any], field: str
) -> None:
    answer = send(client, church, **target)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


@pytest.mark.parametrize("path", [SEND, "/api/schedules"])
def test_unknown_groups_and_those_of_other_churches_are_refused_with_their_field(
    path: str, client: FlaskClient, church: KnownChurch, other_church: KnownChurch, people: People
) -> None:
    theirs = create(client, other_church, "Theirs")
    body: dict[str, Any] = {
        "churchId": str(church.church_id),
        "content": "See you",
        "targetType": "groups",
        "groupIds": [people.most, str(uuid4())],
        "excludeGroupIds": [theirs],
    }
    if path != SEND:
        body["recurrence"] = {"cron": "0 9 * * SUN"}

    answer = client.post(path, json=body, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["groupIds[1]", "excludeGroupIds[0]"]


def test_a_target_changes_as_a_whole(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    answer = send(client, church, groupIds=[people.most], sendAt=TOMORROW)
    path = answer.headers["Location"]

    alone = client.patch(path, json={"excludeGroupIds": [people.others]}, headers=church.bearer)
    unknown = client.patch(path, json={"targetType": "groups", "groupIds": [str(uuid4())]}, headers=church.bearer)
    changed = client.patch(
        path,
        json={"targetType": "groups", "groupIds": [people.others], "excludeGroupIds": [people.most]},
        headers=church.bearer,
    )

    assert [error["field"] for error in alone.get_json()["errors"]] == ["targetType"]
    assert [error["field"] for error in unknown.get_json()["errors"]] == ["groupIds[0]"]
    assert changed.status_code == 200, changed.text
    assert sent_to(database, answer) == people.numbers[4:]


def test_the_edit_of_something_else_keeps_the_groups(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    answer = send(client, church, groupIds=[people.most], excludeGroupIds=[people.others], sendAt=TOMORROW)

    client.patch(answer.headers["Location"], json={"content": "At 11"}, headers=church.bearer)

    assert sent_to(database, answer) == people.numbers[:2]


def test_a_schedule_sends_to_groups(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    body = {
        "churchId": str(church.church_id),
        "content": "See you",
        "targetType": "groups",
        "groupIds": [people.most],
        "excludeGroupIds": [people.others],
        "recurrence": {"cron": "0 9 * * SUN"},
    }
    schedule = client.post("/api/schedules", json=body, headers=church.bearer).get_json()
    changed = client.patch(f"/api/schedules/{schedule['id']}", json={"content": "At 11"}, headers=church.bearer)

    run = client.post(f"/api/schedules/{schedule['id']}/run-now", headers=church.bearer)

    assert (changed.get_json()["groupIds"], changed.get_json()["excludeGroupIds"]) == ([people.most], [people.others])
    assert sent_to(database, run) == people.numbers[:2]


def test_the_daily_limit_counts_the_members_of_groups(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET daily_segment_limit = 3")

    too_many = send(client, church, groupIds=[people.most, people.others])
    few = send(client, church, groupIds=[people.most], excludeGroupIds=[people.others])
    one_more = send(client, church, targetType="all", excludeGroupIds=[people.most])

    assert [answer.status_code for answer in (too_many, few, one_more)] == [429, 202, 202]
    assert "5 segments" in too_many.get_json()["detail"]
    assert send(client, church, targetType="all", excludeGroupIds=[people.most]).status_code == 429


def test_an_audience_of_nobody_is_a_warning(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    somebody = send(client, church, groupIds=[people.most])
    nobody = send(client, church, groupIds=[people.most], excludeGroupIds=[people.most])

    assert somebody.get_json()["warnings"] == []
    assert [warning["code"] for warning in nobody.get_json()["warnings"]] == ["no-recipients"]


# --- deletion ---------------------------------------------------------------------------------------------------------


def delete(client: FlaskClient, church: KnownChurch, group: str) -> TestResponse:
    return client.delete(f"/api/groups/{group}", headers=church.bearer)


@pytest.mark.parametrize("field", ["groupIds", "excludeGroupIds"])
def test_a_group_that_a_message_needs_is_not_deleted(
    field: str, client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    answer = send(client, church, **{"groupIds": [people.others], field: [people.most]}, sendAt=TOMORROW)
    message = answer.get_json()["id"]

    refused = delete(client, church, people.most)

    assert (refused.status_code, refused.get_json()["type"]) == (409, "/docs#problem-in-use")
    assert f"the message {message}" in refused.get_json()["detail"]
    sent_to(database, answer)
    assert delete(client, church, people.most).status_code == 204


def test_a_canceled_message_needs_no_group(client: FlaskClient, church: KnownChurch, people: People) -> None:
    answer = send(client, church, groupIds=[people.most], sendAt=TOMORROW)

    client.post(f"{answer.headers['Location']}/cancel", headers=church.bearer)

    assert delete(client, church, people.most).status_code == 204


def test_a_group_that_a_schedule_needs_is_not_deleted(client: FlaskClient, church: KnownChurch, people: People) -> None:
    body = {
        "churchId": str(church.church_id),
        "content": "See you",
        "targetType": "all",
        "excludeGroupIds": [people.most],
        "recurrence": {"cron": "0 9 * * SUN"},
    }
    schedule = client.post("/api/schedules", json=body, headers=church.bearer).get_json()["id"]

    refused = delete(client, church, people.most)
    client.delete(f"/api/schedules/{schedule}", headers=church.bearer)

    assert f"the schedule {schedule}" in refused.get_json()["detail"]
    assert delete(client, church, people.most).status_code == 204


def test_a_deletion_waits_for_a_message_that_is_being_accepted(
    app: Flask, client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    """The deletion begins before the message is committed, and must see it nevertheless."""
    answers = list[TestResponse]()
    deletion = Thread(target=lambda: answers.append(delete(app.test_client(), church, people.most)))
    accepted = Event()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with church_scope(database, church.church_id) as connection:
        connection.execute(
            "INSERT INTO messages (church_id, channel, content, segments, target_type, target, request_hash, "
            "request_id, send_at) VALUES (%s, 'sms', 'Amen', 1, 'groups', %s::jsonb, '', 'r', now())",
            (church.church_id, f'{{"groupIds": ["{people.most}"]}}'),
        )
        groups.lock_known(connection, church_id=church.church_id, group_ids=[UUID(people.most)])
        deletion.start()
        with system_scope(database) as other:
            wait_until(lambda: other.execute(waiting).fetchone() != (0,), timeout_seconds=30)
        accepted.set()
    deletion.join(timeout=60)

    assert [answer.status_code for answer in answers] == [409]


def test_a_message_whose_group_does_not_exist_is_not_sent_to_anybody(
    client: FlaskClient, church: KnownChurch, database: Database, people: People
) -> None:
    """Nobody can tell any more who was to get nothing."""
    answer = send(client, church, targetType="all", excludeGroupIds=[people.most])
    with system_scope(database) as connection:
        connection.execute("DELETE FROM groups WHERE group_id = %s", (people.most,))

    with pytest.raises(GroupMissing, match=people.most):
        sent_to(database, answer)

    shown = client.get(answer.headers["Location"], headers=church.bearer).get_json()
    assert (shown["expandedAt"], shown["counts"]["audience"]) == (None, 0)
