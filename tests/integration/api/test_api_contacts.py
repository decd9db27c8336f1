"""POST and GET /api/contacts."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts


def add(client: FlaskClient, church: KnownChurch, *people: Any) -> dict[str, Any]:
    answer = client.post("/api/contacts", json={"contacts": list(people)}, headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_valid_contacts_are_stored_when_others_are_invalid(client: FlaskClient, church: KnownChurch) -> None:
    returned = add(
        client,
        church,
        {"name": " Ruth Bell ", "phone": "(202) 555-0123"},
        {"name": "Amos", "phone": "12"},
        {"name": "Lea", "phone": "+12025550124"},
    )

    assert (returned["created"], returned["existing"], returned["refused"]) == (2, 0, 1)
    assert [result["index"] for result in returned["results"]] == [0, 1, 2]
    assert returned["results"][1]["errors"] == [
        {"field": "contacts[1].phone", "message": "has too few or too many digits for a phone number"}
    ]
    people = client.get("/api/contacts", headers=church.bearer).get_json()["items"]
    assert [(person["name"], person["phone"]) for person in people] == [
        ("Ruth Bell", "+12025550123"),
        ("Lea", "+12025550124"),
    ]


def test_a_known_person_keeps_their_id(client: FlaskClient, church: KnownChurch) -> None:
    ruth = {"name": "Ruth", "phone": "+12025550123"}
    first = add(client, church, ruth)["results"][0]

    again = add(client, church, {"name": "RUTH", "phone": "202-555-0123"}, ruth)

    assert (again["created"], again["existing"]) == (0, 2)
    assert {result["id"] for result in again["results"]} == {first["id"]}


def test_a_known_person_is_returned_as_stored(client: FlaskClient, church: KnownChurch) -> None:
    add(client, church, {"name": "Ruth", "phone": "+12025550123", "email": "ruth@example.org"})

    by_phone, by_mail = add(
        client, church, {"name": "Ruth", "phone": "+12025550123"}, {"name": "Ruth", "email": "ruth@example.org"}
    )["results"]

    for shown in (by_phone, by_mail):
        assert (shown["phone"], shown["email"]) == ("+12025550123", "ruth@example.org")


def test_a_family_may_share_a_phone(client: FlaskClient, church: KnownChurch) -> None:
    returned = add(client, church, *({"name": name, "phone": "+12025550123"} for name in ("Ruth", "Boaz")))

    assert returned["created"] == 2


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ({"phone": "+12025550123"}, "contacts[0].name"),
        ({"name": "Ruth"}, "contacts[0].phone"),
        ({"name": "  ", "phone": "+12025550123"}, "contacts[0].name"),
        ({"name": "x" * 201, "phone": "+12025550123"}, "contacts[0].name"),
        ({"name": "Ru\0th", "phone": "+12025550123"}, "contacts[0].name"),
        ({"name": "Ruth", "phone": 12025550123}, "contacts[0].phone"),
        ({"name": "Ruth", "phone": "+12025550123", "age": 5}, "contacts[0].age"),
        ("Ruth", "contacts[0]"),
        (None, "contacts[0]"),
    ],
)
def test_an_invalid_contact_is_refused_with_its_field(
    client: FlaskClient, church: KnownChurch, contact: Any, field: str
) -> None:
    returned = add(client, church, contact)

    assert (returned["created"], returned["refused"]) == (0, 1)
    assert [error["field"] for error in returned["results"][0]["errors"]] == [field]


def test_an_import_of_ten_thousand_is_accepted_and_of_one_more_is_refused(
    client: FlaskClient, church: KnownChurch
) -> None:
    people = [{"name": f"Person {n} {'x' * 180}", "phone": f"+1202{5550000 + n}"} for n in range(10_000)]

    assert add(client, church, *people)["created"] == 10_000
    refused = client.post("/api/contacts", json={"contacts": [*people, people[0]]}, headers=church.bearer)
    assert refused.status_code == 422
    assert refused.get_json()["errors"] == [{"field": "contacts", "message": "must have at most 10,000 items"}]


def test_contacts_come_oldest_first_in_pages_with_their_opt_out(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    ids = [str(contact_id) for contact_id in add_contacts(database, church.church_id, count=3)]
    with church_scope(database, church.church_id) as connection:
        connection.execute(
            "INSERT INTO opt_outs (church_id, address, source) VALUES (%s, '+12025550001', 'test')",
            (church.church_id,),
        )

    first = client.get("/api/contacts?limit=2", headers=church.bearer).get_json()
    rest = client.get(f"/api/contacts?limit=2&cursor={first['next']}", headers=church.bearer).get_json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids
    assert [item["optedOutAt"] is not None for item in first["items"]] == [False, True]
    assert rest["next"] is None


def test_the_time_zone_is_stored_or_derived_from_the_number(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    people = [
        {"name": "Ann", "phone": "+18085550123"},
        {"name": "Ben", "phone": "+12025550123", "timeZone": "America/Denver"},
        {"name": "Cat", "phone": "+12025550124", "timeZone": "Mars/Olympus"},
    ]

    returned = client.post("/api/contacts", json={"contacts": people}, headers=church.bearer).get_json()
    client.post("/api/contacts", json={"contacts": [{**people[1], "timeZone": None}]}, headers=church.bearer)

    assert [error["field"] for error in returned["results"][2]["errors"]] == ["contacts[2].timeZone"]
    listed = client.get("/api/contacts", headers=church.bearer).get_json()["items"]
    assert {item["name"]: item["timeZone"] for item in listed} == {"Ann": None, "Ben": "America/Denver"}
    with church_scope(database, church.church_id) as connection:
        zones = connection.execute("SELECT number_zones FROM contacts ORDER BY name").fetchall()
    assert zones == [("Pacific/Honolulu",), ("America/New_York",)]


def test_entries_for_the_same_person_are_merged(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    ann = {"name": "Ann", "email": "ann@example.org"}
    complete = {**ann, "phone": "+18085550123", "timeZone": "America/Denver"}

    def known() -> list[tuple[str, ...]]:
        with church_scope(database, church.church_id) as connection:
            return connection.execute("SELECT phone, time_zone, number_zones FROM contacts").fetchall()

    add(client, church, ann, complete, ann)
    assert known() == [("+18085550123", "America/Denver", "Pacific/Honolulu")]

    add(client, church, ann | {"timeZone": "America/Chicago"})
    assert known() == [("+18085550123", "America/Chicago", "Pacific/Honolulu")]
