"""PATCH and DELETE of contacts, and the church's own fields."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store import opt_outs
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch
from tests.integration.api.test_api_contacts import add

RUTH = {"name": "Ruth Bell", "phone": "+12025550123", "email": "ruth@example.org"}


def add_one(client: FlaskClient, church: KnownChurch, **person: Any) -> str:
    return add(client, church, person)["results"][0]["id"]


def get(client: FlaskClient, church: KnownChurch, contact: str) -> dict[str, Any]:
    return client.get(f"/api/contacts/{contact}", headers=church.bearer).get_json()


def change(client: FlaskClient, church: KnownChurch, contact: str, **changes: Any) -> TestResponse:
    return client.patch(f"/api/contacts/{contact}", json=changes, headers=church.bearer)


def field_names(client: FlaskClient, church: KnownChurch) -> dict[str, int]:
    items = client.get("/api/contact-fields", headers=church.bearer).get_json()["items"]
    return {item["name"]: item["contacts"] for item in items}


def located(database: Database, church: KnownChurch, contact: str) -> tuple[str | None, str | None]:
    with church_scope(database, church.church_id) as connection:
        row = connection.execute(
            "SELECT number_zones, number_region FROM contacts WHERE contact_id = %s", (contact,)
        ).fetchone()
    assert row is not None
    return row


def test_what_is_absent_stays_and_null_removes(client: FlaskClient, church: KnownChurch) -> None:
    contact = add_one(client, church, **RUTH, timeZone="America/Denver", fields={"campus": "North"})
    before = get(client, church, contact)

    renamed = change(client, church, contact, name=" Ruth Hill ").get_json()
    without = change(client, church, contact, email=None, timeZone=None).get_json()

    assert renamed == {**before, "name": "Ruth Hill", "updatedAt": renamed["updatedAt"]}
    assert (without["email"], without["timeZone"], without["phone"]) == (None, None, RUTH["phone"])
    assert without["fields"] == {"campus": "North"}
    assert get(client, church, contact) == without


def test_a_new_number_is_located_and_an_opt_out_stays_with_the_old_one(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    contact = add_one(client, church, **RUTH)
    with church_scope(database, church.church_id) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address=RUTH["phone"], source="operator")
    assert get(client, church, contact)["optedOutAt"] is not None

    changed = change(client, church, contact, phone="(808) 555-0123").get_json()

    assert (changed["phone"], changed["optedOutAt"]) == ("+18085550123", None)
    assert located(database, church, contact) == ("Pacific/Honolulu", "US")
    change(client, church, contact, phone=None)
    assert located(database, church, contact) == (None, None)
    assert change(client, church, contact, phone=RUTH["phone"]).get_json()["optedOutAt"] is not None


def test_a_change_that_makes_two_contacts_one_person_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    ruth = add_one(client, church, **RUTH)
    child = add_one(client, church, name="Boaz Bell", phone=RUTH["phone"])
    by_mail = add_one(client, church, name="Amos", email=RUTH["email"])

    same_phone = change(client, church, child, name="RUTH BELL")
    same_mail = change(client, church, by_mail, name="ruth bell")

    for refused in (same_phone, same_mail):
        assert (refused.status_code, refused.get_json()["type"]) == (409, "/docs#problem-already-exists")
        assert ruth in refused.get_json()["detail"]
    assert get(client, church, child)["name"] == "Boaz Bell"
    assert change(client, church, child, name="Boaz Hill").status_code == 200, "a family may share a number"


def test_of_concurrent_changes_to_one_person_one_wins(app: Flask, client: FlaskClient, church: KnownChurch) -> None:
    contacts = [add_one(client, church, name=f"Person {number}", phone=f"+1202555010{number}") for number in range(6)]

    def become_ruth(contact: str) -> int:
        return change(app.test_client(), church, contact, **RUTH).status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = sorted(threads.map(become_ruth, contacts))

    assert statuses == [200] + 5 * [409]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"phone": "12"}, "phone"),
        ({"phone": "+18765550123"}, "phone"),
        ({"phone": None, "email": None}, "phone"),
        ({"email": "ruth"}, "email"),
        ({"timeZone": "Mars/Base"}, "timeZone"),
        ({"age": 5}, "age"),
        ({"fields": {"Campus": "North"}}, "fields.Campus"),
        ({"fields": {"phone": "5"}}, "fields.phone"),
        ({"fields": {"campus": 5}}, "fields.campus"),
        ({"fields": "campus"}, "fields"),
        ({"fields": {"campus": "x" * 501}}, "fields.campus"),
        ({"fields": {"campus": "a\0b"}}, "fields.campus"),
    ],
)
def test_an_invalid_change_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, changes: dict[str, Any], field: str
) -> None:
    contact = add_one(client, church, **RUTH)
    before = get(client, church, contact)

    answer = change(client, church, contact, **changes)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert get(client, church, contact) == before


def test_a_change_is_in_the_audit_without_values(client: FlaskClient, church: KnownChurch) -> None:
    contact = add_one(client, church, **RUTH)

    change(client, church, contact, name="Secret Name", fields={"illness": "secret"})

    event = client.get("/api/audit", headers=church.bearer).get_json()["items"][0]
    assert (event["action"], event["subject"]) == ("contact.changed", contact)
    assert event["details"] == {"fields": ["fields.illness", "name"]}
    assert "ecret" not in str(event)


# --- deletion ---------------------------------------------------------------------------------------------------------


def test_contacts_are_deleted_in_sets(client: FlaskClient, church: KnownChurch, other_church: KnownChurch) -> None:
    ids = [add_one(client, church, name=f"Person {number}", phone=RUTH["phone"]) for number in range(3)]
    theirs = add_one(client, other_church, **RUTH)

    body = {"contactIds": [*ids[:2], theirs, str(uuid4())]}
    answers = [client.post("/api/contacts/delete", json=body, headers=church.bearer) for _ in range(2)]

    assert [answer.get_json() for answer in answers] == [{"deleted": 2}, {"deleted": 0}]
    assert [item["id"] for item in client.get("/api/contacts", headers=church.bearer).get_json()["items"]] == ids[2:]
    assert get(client, other_church, theirs)["id"] == theirs


def test_the_opt_out_of_a_deleted_contact_stays(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    contact = add_one(client, church, **RUTH)
    with church_scope(database, church.church_id) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address=RUTH["phone"], source="operator")

    client.delete(f"/api/contacts/{contact}", headers=church.bearer)

    again = add_one(client, church, **RUTH)
    assert get(client, church, contact)["status"] == 404
    assert get(client, church, again)["optedOutAt"] is not None


# --- fields -----------------------------------------------------------------------------------------------------------


def test_fields_are_set_when_contacts_are_added_and_when_they_are_changed(
    client: FlaskClient, church: KnownChurch
) -> None:
    contact = add_one(client, church, **RUTH, fields={"campus": " North ", "role": "Usher", "empty": ""})
    add(client, church, {**RUTH, "fields": {"campus": "South"}}, {"name": "Amos", "phone": "+12025550124"})

    changed = change(client, church, contact, fields={"role": None, "joined": "2024-05-01", "campus": ""}).get_json()

    assert changed["fields"] == {"joined": "2024-05-01"}
    assert field_names(client, church) == {"campus": 0, "joined": 1, "role": 0}
    assert change(client, church, contact, fields=None).get_json()["fields"] == {}
    add(client, church, {**RUTH, "fields": {"campus": "South"}})
    assert get(client, church, contact)["fields"] == {"campus": "South"}


def test_a_church_has_fifty_fields(client: FlaskClient, church: KnownChurch, other_church: KnownChurch) -> None:
    add_one(client, other_church, **RUTH, fields={"theirs": "x"})
    contact = add_one(client, church, **RUTH, fields={f"f{number}": "x" for number in range(50)})

    beyond = change(client, church, contact, name="Changed", fields={"f0": "y", "one": "more"})
    imported = client.post(
        "/api/contacts",
        json={"contacts": [{"name": "Amos", "phone": "+12025550124", "fields": {"one": "more"}}]},
        headers=church.bearer,
    )

    assert [beyond.status_code, imported.status_code] == [422, 422]
    assert [error["field"] for error in beyond.get_json()["errors"]] == ["fields"]
    assert "50 names" in beyond.text
    assert get(client, church, contact)["name"] == RUTH["name"], "nothing of the change is stored"
    assert len(client.get("/api/contacts", headers=church.bearer).get_json()["items"]) == 1
    assert change(client, church, contact, fields={"f0": "y"}).status_code == 200
    assert len(field_names(client, church)) == 50


def test_a_field_is_deleted_with_its_values(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch
) -> None:
    contact = add_one(client, church, **RUTH, fields={"campus": "North", "role": "Usher"})
    theirs = add_one(client, other_church, **RUTH, fields={"campus": "North"})

    deleted = [client.delete("/api/contact-fields/campus", headers=church.bearer).status_code for _ in range(2)]

    assert deleted == [204, 404]
    assert get(client, church, contact)["fields"] == {"role": "Usher"}
    assert field_names(client, church) == {"role": 1}
    assert get(client, other_church, theirs)["fields"] == {"campus": "North"}


@pytest.mark.parametrize("name", ["phone", "Campus", "%00", "%ED%A0%80", "a" * 41])
def test_what_is_no_field_is_not_found(client: FlaskClient, church: KnownChurch, name: str) -> None:
    assert client.delete(f"/api/contact-fields/{name}", headers=church.bearer).status_code == 404
