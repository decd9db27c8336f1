"""Scheduled messages: their times, their list, and changes before they begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from messaging.addresses import AddressKind
from store import message_expansion
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts
from tests.integration.jobs.scheduling import rows

SEND = "/api/messages/send"
TOMORROW = datetime.now(UTC) + timedelta(days=1)


def send(client: FlaskClient, church: KnownChurch, **changes: Any) -> dict[str, Any]:
    body = {"churchId": str(church.church_id), "content": "Grace", "targetType": "all"} | changes
    answer = client.post(SEND, json=body, headers=church.bearer)
    assert answer.status_code == 202, answer.text
    return answer.get_json()


def change(client: FlaskClient, church: KnownChurch, message: dict[str, Any], **changes: Any) -> Any:
    return client.patch(message["links"]["self"], json=changes, headers=church.bearer)


def next_sunday_of_change(month: int, week: int) -> datetime:
    """The next day on which the clocks of New York change, by its rules since 2007."""
    for year in (datetime.now(UTC).year, datetime.now(UTC).year + 1):
        first = datetime(year, month, 1, tzinfo=UTC)
        day = first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (week - 1))
        if day > datetime.now(UTC) + timedelta(days=2):
            return day
    raise AssertionError


def test_a_time_without_offset_is_in_the_churchs_time_zone(client: FlaskClient, church: KnownChurch) -> None:
    local = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT17:00:00")

    returned = send(client, church, sendAt=local)

    expected = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/New_York"))
    assert datetime.fromisoformat(returned["sendAt"]) == expected
    assert returned["status"] == "scheduled"


@pytest.mark.parametrize(("month", "week", "at", "utc"), [(3, 2, "02:30", "07:30"), (11, 1, "01:30", "05:30")])
def test_a_skipped_time_moves_by_the_gap_and_a_repeated_one_is_the_first(
    client: FlaskClient, church: KnownChurch, month: int, week: int, at: str, utc: str
) -> None:
    day = next_sunday_of_change(month, week)

    returned = send(client, church, sendAt=f"{day:%Y-%m-%d}T{at}")

    assert returned["sendAt"] == f"{day:%Y-%m-%d}T{utc}:00Z"


def test_a_send_time_is_at_most_a_year_ahead(client: FlaskClient, church: KnownChurch) -> None:
    zone = ZoneInfo("America/New_York")
    for hours, status in ((-1, 202), (2, 422)):  # 2: an hour that occurs twice is taken as the first of the two
        latest = datetime.now(UTC) + timedelta(days=366, hours=hours)
        local = latest.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
        body = {"churchId": str(church.church_id), "content": "x", "targetType": "all", "sendAt": local}
        answer = client.post(SEND, json=body, headers=church.bearer)
        assert answer.status_code == status
        if status == 422:
            assert answer.get_json()["errors"] == [{"field": "sendAt", "message": "must be at most a year ahead"}]


def test_messages_are_listed_by_status(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    ids = {
        "scheduled": send(client, church, sendAt=TOMORROW.isoformat())["id"],
        "accepted": send(client, church)["id"],
        "paused": send(client, church)["id"],
        "canceled": send(client, church)["id"],
        "sending": send(client, church)["id"],
        "completed": send(client, church)["id"],
    }
    for column, status in {
        "paused_at": ["paused", "canceled"],
        "canceled_at": ["canceled"],
        "expanded_at": ["sending", "completed", "paused"],
        "completed_at": ["completed"],
    }.items():
        chosen = [UUID(ids[each]) for each in status]
        rows(database, f"UPDATE messages SET {column} = now() WHERE message_id = ANY (%(ids)s)", ids=chosen)  # noqa: S608

    for status, message_id in ids.items():
        items = client.get(f"/api/messages?status={status}", headers=church.bearer).get_json()["items"]
        assert [(item["id"], item["status"]) for item in items] == [(message_id, status)]
    repeated = client.get("/api/messages?status=scheduled&status=paused,sending", headers=church.bearer).get_json()
    assert {item["status"] for item in repeated["items"]} == {"scheduled", "paused", "sending"}
    assert client.get("/api/messages?limit=1&limit=1", headers=church.bearer).status_code == 422
    both = client.get("/api/messages?status=scheduled,paused&limit=1", headers=church.bearer).get_json()
    assert [item["status"] for item in both["items"]] == ["paused"]
    rest = client.get(f"/api/messages?status=scheduled,paused&cursor={both['next']}", headers=church.bearer).get_json()
    assert [item["status"] for item in rest["items"]] == ["scheduled"]
    assert client.get("/api/messages?status=lost", headers=church.bearer).status_code == 422


def test_a_message_can_be_changed_before_it_begins(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    [contact] = add_contacts(database, church.church_id, count=1)
    add_contacts(database, church.church_id, count=3, first=1)
    message = send(client, church, sendAt=TOMORROW.isoformat())
    later = TOMORROW + timedelta(hours=2)

    answer = change(
        client,
        church,
        message,
        content="x" * 200,
        sendAt=later.isoformat(),
        targetType="contacts",
        contactIds=[str(contact)],
    )

    returned = answer.get_json()
    assert answer.status_code == 200
    assert (returned["content"], returned["segments"], returned["targetType"]) == ("x" * 200, 2, "contacts")
    assert datetime.fromisoformat(returned["sendAt"]) == later
    rows(database, "UPDATE messages SET send_at = now()")
    with church_scope(database, church.church_id) as connection:
        [expansion] = message_expansion.expand(
            connection,
            message_ids=[UUID(message["id"])],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
        ).values()
    assert expansion.written == 1


def test_omitted_fields_are_unchanged(client: FlaskClient, church: KnownChurch) -> None:
    numbers = ["+12025550123", "+12025550124"]
    message = send(
        client,
        church,
        sendAt=TOMORROW.isoformat(),
        targetType="numbers",
        phoneNumbers=numbers,
        urgent={"reason": "storm"},
    )
    before = client.get(message["links"]["self"], headers=church.bearer).get_json()

    assert change(client, church, message).get_json() == before
    after = change(client, church, message, content="Other").get_json()

    assert after == before | {"content": "Other"}


def test_a_send_time_of_null_means_now(client: FlaskClient, church: KnownChurch) -> None:
    message = send(client, church, sendAt=TOMORROW.isoformat())

    assert change(client, church, message, sendAt=None).get_json()["status"] == "accepted"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": " "}, "content"),
        ({"content": None}, "content"),
        ({"sendAt": "2099-01-01T00:00:00Z"}, "sendAt"),
        ({"sendAt": "soon"}, "sendAt"),
        ({"targetType": "numbers"}, "phoneNumbers"),
        ({"targetType": "numbers", "phoneNumbers": ["+12025550123", "1"]}, "phoneNumbers[1]"),
        ({"contactIds": ["0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11"]}, "targetType"),
        ({"targetType": "contacts", "contactIds": ["0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11"]}, "contactIds[0]"),
        ({"churchId": "0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11"}, "churchId"),
        ({"channel": "mail"}, "channel"),
        ({"colour": "pink"}, "colour"),
        ({"subject": "This Sunday"}, "subject"),
        ({"targetType": "addresses", "emailAddresses": ["ruth@example.org"]}, "targetType"),
    ],
)
def test_an_invalid_change_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], field: str
) -> None:
    message = send(client, church, sendAt=TOMORROW.isoformat())

    answer = change(client, church, message, **changes)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


@pytest.mark.parametrize("column", ["expanded_at", "canceled_at"])
def test_a_message_that_began_or_was_canceled_cannot_be_changed(
    client: FlaskClient, church: KnownChurch, database: Database, column: str
) -> None:
    message = send(client, church)
    rows(database, f"UPDATE messages SET {column} = now()")  # noqa: S608

    answer = change(client, church, message, content="Too late")

    assert answer.status_code == 409
    assert client.get(message["links"]["self"], headers=church.bearer).get_json()["content"] == "Grace"


def test_a_target_is_only_changed_completely(client: FlaskClient, church: KnownChurch) -> None:
    message = send(
        client, church, sendAt=TOMORROW.isoformat(), targetType="numbers", phoneNumbers=["+12025550123", "+12025550124"]
    )

    half = change(client, church, message, phoneNumbers=["+12025550125"])
    edited = change(client, church, message, content="Mercy", contactIds=None, phoneNumbers=None)
    everyone = change(client, church, message, targetType="all")

    assert half.status_code == 422
    assert half.get_json()["errors"] == [
        {"field": "targetType", "message": "is required with phoneNumbers: the target changes as a whole"}
    ]
    assert (edited.get_json()["content"], edited.get_json()["targetType"]) == ("Mercy", "numbers")
    assert everyone.get_json()["targetType"] == "all"
