"""/api/groups: groups and their members."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

import api.groups.creating
from store.database import Database
from tests.harness.churches import KnownChurch, add_contacts

GROUPS = "/api/groups"


def create(client: FlaskClient, church: KnownChurch, name: str) -> str:
    answer = client.post(GROUPS, json={"name": name}, headers=church.bearer)
    assert answer.status_code in (200, 201), answer.text
    return answer.get_json()["id"]


def member_ids(client: FlaskClient, church: KnownChurch, group: str) -> list[str]:
    answer = client.get(f"{GROUPS}/{group}/members?limit=200", headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def change_members(client: FlaskClient, church: KnownChurch, path: str, contact_ids: list[Any]) -> dict[str, Any]:
    body = {"contactIds": [str(contact_id) for contact_id in contact_ids]}
    answer = client.post(f"{GROUPS}/{path}", json=body, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_a_group_is_created_once(client: FlaskClient, church: KnownChurch, other_church: KnownChurch) -> None:
    answers = [client.post(GROUPS, json={"name": name}, headers=church.bearer) for name in (" Youth ", "youth")]
    theirs = client.post(GROUPS, json={"name": "Youth"}, headers=other_church.bearer)

    assert [answer.status_code for answer in (*answers, theirs)] == [201, 200, 201]
    assert answers[0].get_json() == answers[1].get_json()
    assert (answers[0].get_json()["name"], answers[0].get_json()["memberCount"]) == ("Youth", 0)
    [listed] = client.get(GROUPS, headers=church.bearer).get_json()["items"]
    assert listed == answers[0].get_json()


def test_concurrent_creations_make_one_group(app: Flask, church: KnownChurch) -> None:
    with ThreadPoolExecutor(8) as threads:
        created = [threads.submit(create, app.test_client(), church, "Youth") for _ in range(8)]
        ids = {each.result() for each in created}

    assert len(ids) == 1


def test_a_group_is_renamed_but_not_to_the_name_of_another(client: FlaskClient, church: KnownChurch) -> None:
    youth, choir = create(client, church, "Youth"), create(client, church, "Choir")

    renamed = client.patch(f"{GROUPS}/{youth}", json={"name": "YOUTH"}, headers=church.bearer)
    taken = client.patch(f"{GROUPS}/{youth}", json={"name": "choir"}, headers=church.bearer)

    assert (renamed.status_code, renamed.get_json()["name"]) == (200, "YOUTH")
    assert (taken.status_code, taken.get_json()["type"]) == (409, "/docs#problem-already-exists")
    assert choir in taken.get_json()["detail"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b", 5, None])
def test_a_name_that_cannot_be_stored_is_refused(client: FlaskClient, church: KnownChurch, name: Any) -> None:
    answer = client.post(GROUPS, json={"name": name}, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["name"]


def test_a_church_has_a_limited_number_of_groups(
    client: FlaskClient, church: KnownChurch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.groups.creating, "MAX_GROUPS", 2)
    for name in ("Youth", "Choir", "youth"):
        create(client, church, name)

    answer = client.post(GROUPS, json={"name": "Elders"}, headers=church.bearer)

    assert (answer.status_code, answer.get_json()["type"]) == (409, "/docs#problem-too-many-groups")
    assert len(client.get(GROUPS, headers=church.bearer).get_json()["items"]) == 2


def test_members_are_added_and_removed_in_sets(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=5)]
    group = create(client, church, "Youth")

    added = change_members(client, church, f"{group}/members", [*ids[:3], ids[0]])
    again = change_members(client, church, f"{group}/members", ids[1:4])
    removed = change_members(client, church, f"{group}/members/remove", [ids[0], ids[4], uuid4()])

    assert (added, again) == ({"added": 3, "existing": 0}, {"added": 1, "existing": 2})
    assert removed == {"removed": 1}
    assert member_ids(client, church, group) == ids[1:4]
    assert client.get(f"{GROUPS}/{group}", headers=church.bearer).get_json()["memberCount"] == 3
    contact = client.get(f"/api/contacts/{ids[1]}", headers=church.bearer).get_json()
    assert contact["groups"] == [{"id": group, "name": "Youth"}]
    actions = [event["action"] for event in client.get("/api/audit", headers=church.bearer).get_json()["items"]]
    assert actions[:3] == ["group.members_removed", "group.members_added", "group.members_added"]


def test_members_come_in_pages(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=5)]
    group = create(client, church, "Youth")
    change_members(client, church, f"{group}/members", ids[:4])

    found, cursor = list[str](), ""
    while cursor is not None:
        query = f"?limit=3{f'&cursor={cursor}' if cursor else ''}"
        page = client.get(f"{GROUPS}/{group}/members{query}", headers=church.bearer).get_json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert found == ids[:4]


def test_contacts_of_another_church_and_unknown_ones_are_refused_and_nobody_is_added(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    [own] = add_contacts(database, church.church_id, count=1)
    [theirs] = add_contacts(database, other_church.church_id, count=1)
    group = create(client, church, "Youth")

    body = {"contactIds": [str(own), str(theirs), str(uuid4())]}
    answer = client.post(f"{GROUPS}/{group}/members", json=body, headers=church.bearer)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["contactIds[1]", "contactIds[2]"]
    assert member_ids(client, church, group) == []


def test_the_deletion_of_a_contact_ends_its_memberships(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=2)]
    group = create(client, church, "Youth")
    change_members(client, church, f"{group}/members", ids)

    assert client.delete(f"/api/contacts/{ids[0]}", headers=church.bearer).status_code == 204

    assert member_ids(client, church, group) == ids[1:]


def test_a_deleted_group_is_gone_and_its_contacts_stay(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=1)]
    group = create(client, church, "Youth")
    change_members(client, church, f"{group}/members", ids)

    deleted = [client.delete(f"{GROUPS}/{group}", headers=church.bearer).status_code for _ in range(2)]

    assert deleted == [204, 404]
    assert len(client.get("/api/contacts", headers=church.bearer).get_json()["items"]) == 1
