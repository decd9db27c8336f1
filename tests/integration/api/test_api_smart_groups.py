"""Smart groups: their members follow from a condition when they are needed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store.database import Database, system_scope
from tests.harness.churches import KnownChurch
from tests.integration.api.test_api_contacts import add
from tests.integration.api.test_api_group_targets import send, sent_to
from tests.integration.api.test_api_groups import GROUPS, change_members, create, member_ids

NORTH = {"field": "campus", "equals": "north"}
PEOPLE = [("North", "+12025550100"), ("North", "+12025550101"), ("South", "+12025550102"), ("", "+12025550103")]


@pytest.fixture
def people(client: FlaskClient, church: KnownChurch) -> list[str]:
    """Two of the north, one of the south, and one who is nowhere."""
    persons = [{"name": phone, "phone": phone, "fields": {"campus": campus}} for campus, phone in PEOPLE]
    return [result["id"] for result in add(client, church, *persons)["results"]]


def post(client: FlaskClient, church: KnownChurch, name: str, condition: Any) -> TestResponse:
    return client.post(GROUPS, json={"name": name, "condition": condition}, headers=church.bearer)


def make(client: FlaskClient, church: KnownChurch, name: str, condition: Any) -> str:
    answer = post(client, church, name, condition)
    assert answer.status_code in (200, 201), answer.text
    return answer.get_json()["id"]


def set_condition(client: FlaskClient, church: KnownChurch, group: str, condition: Any) -> TestResponse:
    return client.patch(f"{GROUPS}/{group}", json={"condition": condition}, headers=church.bearer)


def test_a_smart_group_has_those_who_meet_its_condition(
    client: FlaskClient, church: KnownChurch, people: list[str]
) -> None:
    created = post(client, church, "North", NORTH)
    again = post(client, church, "north", NORTH)
    other = post(client, church, "North", {"not": NORTH})

    group = created.get_json()
    assert [created.status_code, again.status_code, other.status_code] == [201, 200, 409]
    assert (group["condition"], group["memberCount"]) == (NORTH, 2)
    assert member_ids(client, church, group["id"]) == people[:2]
    [listed] = client.get(GROUPS, headers=church.bearer).get_json()["items"]
    assert (listed["condition"], listed["memberCount"]) == (NORTH, None)
    found = client.get(f"/api/contacts?groupId={group['id']}", headers=church.bearer).get_json()["items"]
    assert [item["id"] for item in found] == people[:2]


def test_its_members_come_in_pages(client: FlaskClient, church: KnownChurch, people: list[str]) -> None:
    group = make(client, church, "Not south", {"not": {"field": "campus", "equals": "South"}})

    path = f"{GROUPS}/{group}/members?limit=2"
    first = client.get(path, headers=church.bearer).get_json()
    second = client.get(f"{path}&cursor={first['next']}", headers=church.bearer).get_json()

    assert [item["id"] for item in first["items"] + second["items"]] == [*people[:2], people[3]]
    assert second["next"] is None


def test_a_condition_is_counted_without_a_group(client: FlaskClient, church: KnownChurch, people: list[str]) -> None:
    answer = client.post(f"{GROUPS}/preview", json={"condition": {"not": NORTH}}, headers=church.bearer)

    assert (answer.status_code, answer.get_json()) == (200, {"memberCount": 2})
    assert client.get(GROUPS, headers=church.bearer).get_json()["items"] == []
    assert len(people) == 4


def test_a_message_is_for_those_who_meet_the_condition_when_it_is_sent(
    client: FlaskClient, church: KnownChurch, database: Database, people: list[str]
) -> None:
    north = make(client, church, "North", NORTH)
    to_north = send(client, church, groupIds=[north])
    to_others = send(client, church, targetType="all", excludeGroupIds=[north])
    client.patch(f"/api/contacts/{people[0]}", json={"fields": {"campus": "South"}}, headers=church.bearer)

    assert sent_to(database, to_north) == ["+12025550101"]
    assert sent_to(database, to_others) == ["+12025550100", "+12025550102", "+12025550103"]


def test_a_smart_and_a_listed_group_are_one_audience(
    client: FlaskClient, church: KnownChurch, database: Database, people: list[str]
) -> None:
    north = make(client, church, "North", NORTH)
    youth = create(client, church, "Youth")
    change_members(client, church, f"{youth}/members", people[1:3])
    but = make(client, church, "North, not youth", {"all": [{"inGroup": north}, {"not": {"inGroup": youth}}]})

    both = send(client, church, groupIds=[north, youth])
    without = send(client, church, groupIds=[north, youth], excludeGroupIds=[but])

    assert sent_to(database, both) == ["+12025550100", "+12025550101", "+12025550102"]
    assert sent_to(database, without) == ["+12025550101", "+12025550102"]


@pytest.mark.usefixtures("people")
def test_the_daily_limit_counts_those_who_meet_the_condition(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    north = make(client, church, "North", NORTH)
    with system_scope(database) as connection:
        connection.execute("UPDATE churches SET daily_segment_limit = 1")

    answer = send(client, church, groupIds=[north])

    assert answer.status_code == 429
    assert "needs 2 segments" in answer.get_json()["detail"]


def test_its_members_cannot_be_listed_and_its_condition_can_be_changed(
    client: FlaskClient, church: KnownChurch, people: list[str]
) -> None:
    north, youth = make(client, church, "North", NORTH), create(client, church, "Youth")

    for path in ("members", "members/remove"):
        answer = client.post(f"{GROUPS}/{north}/{path}", json={"contactIds": people}, headers=church.bearer)
        assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-wrong-state")
    changed = set_condition(client, church, north, {"not": NORTH}).get_json()
    refused = set_condition(client, church, youth, NORTH)

    assert (changed["name"], changed["condition"], changed["memberCount"]) == ("North", {"not": NORTH}, 2)
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"field": "campus"}, "condition"),
        ({"all": [NORTH, {"field": "campus' OR true --", "equals": "x"}]}, "condition.all[1].field"),
        ({"inGroup": str(uuid4())}, "condition"),
        ("campus = North", "condition"),
        ({"any": [NORTH] * 60}, "condition.any"),
    ],
)
@pytest.mark.parametrize("path", ["", "/preview"])
def test_an_error_in_a_condition_is_reported_with_its_place(
    path: str, client: FlaskClient, church: KnownChurch, condition: Any, field: str
) -> None:
    body = {"condition": condition} if path else {"name": "North", "condition": condition}
    answer = client.post(GROUPS + path, json=body, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_a_group_of_another_church_is_unknown_in_a_condition(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    theirs = create(client, other_church, "Theirs")

    answer = post(client, church, "Mine", {"not": {"inGroup": theirs}})

    assert answer.status_code == 422
    assert client.get(GROUPS, headers=church.bearer).get_json()["items"] == []


def test_groups_cannot_refer_to_themselves(client: FlaskClient, church: KnownChurch) -> None:
    one = make(client, church, "One", NORTH)
    two = make(client, church, "Two", {"not": {"inGroup": one}})

    answer = set_condition(client, church, one, {"inGroup": two})

    assert answer.status_code == 422
    assert "refer to itself" in answer.text
    assert client.get(f"{GROUPS}/{one}", headers=church.bearer).get_json()["condition"] == NORTH


def test_what_a_condition_needs_is_not_deleted(client: FlaskClient, church: KnownChurch, people: list[str]) -> None:
    youth = create(client, church, "Youth")
    but = make(client, church, "North, not youth", {"all": [NORTH, {"not": {"inGroup": youth}}]})

    group = client.delete(f"{GROUPS}/{youth}", headers=church.bearer)
    field = client.delete("/api/contact-fields/campus", headers=church.bearer)
    client.delete(f"{GROUPS}/{but}", headers=church.bearer)

    for refused in (group, field):
        assert (refused.status_code, refused.get_json()["type"]) == (409, "/docs#problem-in-use")
        assert f"the group {but}" in refused.get_json()["detail"]
    assert client.delete(f"{GROUPS}/{youth}", headers=church.bearer).status_code == 204
    assert client.delete("/api/contact-fields/campus", headers=church.bearer).status_code == 204
    assert len(people) == 4


def test_a_search_within_a_smart_group_finds_its_members_page_by_page(
    client: FlaskClient, church: KnownChurch, people: list[str]
) -> None:
    group = make(client, church, "Not north", {"not": NORTH})
    path = f"/api/contacts?search=555010&groupId={group}&limit=1"

    first = client.get(path, headers=church.bearer).get_json()
    second = client.get(f"{path}&cursor={first['next']}", headers=church.bearer).get_json()
    one = client.get(f"/api/contacts?search=0102&groupId={group}", headers=church.bearer).get_json()
    outside = client.get(f"/api/contacts?search=0100&groupId={group}", headers=church.bearer).get_json()

    assert [item["id"] for item in first["items"] + second["items"]] == people[2:]
    assert second["next"] is None
    assert [item["id"] for item in one["items"]] == people[2:3]
    assert outside["items"] == []
