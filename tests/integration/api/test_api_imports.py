"""Imports through the API: what an upload says, how it is changed, and what a started one does."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from store.database import Database
from tests.harness.churches import KnownChurch, add_contacts
from tests.harness.contact_files import csv_file, xlsx_file
from tests.integration.api.importer import HEADER, RUTH, Importer, Json, Work, add_group, members


def test_an_upload_says_what_would_happen_and_stores_nobody(importer: Importer) -> None:
    [known] = add_contacts(importer.database, importer.church.church_id, count=1)
    rows = [HEADER, RUTH, ("Person 0", "+1 202 555 0000", ""), ("Amos", "12", ""), ("", "", ""), RUTH]

    found = importer.upload(csv_file(rows, delimiter=";"))

    assert (found["format"], found["encoding"], found["delimiter"]) == ("csv", "utf-8", ";")
    assert [column["target"] for column in found["columns"]] == ["name", "phone", "email"]
    assert (found["rows"], found["headerRow"], found["status"]) == (4, 1, "pending")
    assert found["firstRows"][1] == list(RUTH)
    check = found["check"]
    assert check["isWholeFile"]
    assert (check["rows"], check["created"], check["unchanged"], check["refused"]) == (4, 1, 2, 1)
    assert check["problems"] == [
        {
            "line": 4,
            "column": "Mobile",
            "value": "12",
            "reason": "has too few or too many digits for a phone number",
        }
    ]
    assert importer.query("SELECT contact_id FROM contacts") == [(known,)]
    assert importer.query("SELECT FROM import_rows") == []


def test_a_started_import_stores_the_people_and_reports_the_rest(importer: Importer) -> None:
    rows = [HEADER, RUTH, ("Amos", "12", ""), ("Naomi", "", ""), ("Boaz", "202-555-0150 / 202-555-0151", "")]

    found = importer.start(importer.upload(csv_file(rows)))

    assert (found["status"], found["rows"], found["rowsDone"]) == ("finished", 4, 4)
    assert (found["counts"]["created"], found["counts"]["refused"]) == (2, 2)
    assert [contact[:3] for contact in importer.contacts()] == [
        ("Boaz", "+12025550150", None),
        ("Ruth Bell", "+12025550123", "ruth@example.org"),
    ]
    assert [tuple(row.values()) for row in importer.report(found)] == [
        ("3", "refused", "Mobile", "12", "has too few or too many digits for a phone number"),
        ("4", "refused", "", "", "has neither a phone number nor an e-mail address"),
        (
            *("5", "taken", "Mobile", "202-555-0150 / 202-555-0151"),
            "has 2 numbers: the first valid one is taken",
        ),
    ]


def test_the_zones_and_regions_of_numbers_are_stored(importer: Importer) -> None:
    importer.start(importer.upload(csv_file([HEADER, RUTH])))

    assert importer.query("SELECT number_region, number_zones FROM contacts") == [("US", "America/New_York")]


def test_columns_become_fields_if_that_is_chosen(importer: Importer) -> None:
    header = ("First", "Last", "Cell Phone", "Date of Birth", "Campus")
    found = importer.upload(xlsx_file([header, ("Ruth", "Bell", "2025550123", "1980-04-01", "")]), name="members.xlsx")
    assert [column["target"] for column in found["columns"]][3:] == ["ignore", "ignore"]

    found = importer.change(found, otherColumns="fields", columns=[{"column": 5, "target": "field", "field": "site"}])
    importer.start(found)

    assert [contact[4] for contact in importer.contacts()] == [{"dateOfBirth": "1980-04-01"}]
    assert importer.query("SELECT name FROM contact_fields ORDER BY name") == [
        ("dateOfBirth",),
        ("firstName",),
        ("lastName",),
        ("site",),
    ]


def test_a_file_without_headings_is_recognized_by_its_content(importer: Importer) -> None:
    found = importer.upload(csv_file([("Ruth Bell", "202 555 0123"), ("Amos Hill", "202 555 0124")]))

    assert (found["headerRow"], found["rows"]) == (0, 2)
    assert [column["target"] for column in found["columns"]] == ["name", "phone"]


def test_headings_below_a_title_are_found_and_the_row_can_be_chosen(importer: Importer) -> None:
    rows = [("Members of 2026",), (), HEADER, RUTH]
    found = importer.upload(csv_file(rows))
    assert (found["headerRow"], found["rows"]) == (3, 1)

    found = importer.change(found, headerRow=0)
    assert found["rows"] == 3
    found = importer.change(found, headerRow=3)
    assert (found["rows"], found["check"]["created"]) == (1, 1)
    importer.change(found, headerRow=2, status=422)


def test_existing_contacts_keep_what_they_have_or_take_what_the_file_says(importer: Importer) -> None:
    importer.start(importer.upload(csv_file([HEADER, RUTH])))
    header = ("Name", "Phone", "Email", "time zone", "campus")
    changed = csv_file([header, ("RUTH BELL", "2025550123", "new@example.org", "America/Denver", "North")])
    found = importer.change(importer.upload(changed), otherColumns="fields")

    importer.start(found)
    kept = ("Ruth Bell", "+12025550123", "ruth@example.org", "America/Denver", {"campus": "North"})
    assert importer.contacts() == [kept]

    found = importer.change(importer.upload(changed), existing="replace")
    assert found["check"]["updated"] == 1
    importer.start(found)
    assert importer.contacts() == [("RUTH BELL", kept[1], "new@example.org", "America/Denver", {"campus": "North"})]


def test_a_number_is_added_to_a_contact_with_the_same_mail_address_and_name(importer: Importer) -> None:
    importer.start(importer.upload(csv_file([("Name", "Email"), (RUTH[0], RUTH[2])])))

    found = importer.start(importer.upload(csv_file([HEADER, RUTH])))

    assert found["counts"]["updated"] == 1
    assert [contact[:3] for contact in importer.contacts()] == [("Ruth Bell", "+12025550123", "ruth@example.org")]


def test_the_same_person_in_several_rows_is_one_contact_and_all_rows_count(importer: Importer) -> None:
    rows = [
        (*HEADER, "campus"),
        ("Ruth Bell", "", "ruth@example.org", ""),
        ("ruth bell", "2025550123", "ruth@example.org", "North"),
        ("RUTH BELL", "202.555.0123", "", "South"),
        ("Ruth Bell", "", "ruth@example.org", ""),
        ("Amos Bell", "202.555.0123", "", ""),
    ]
    found = importer.change(importer.upload(csv_file(rows)), otherColumns="fields")

    found = importer.start(found)

    assert [contact[:3] for contact in importer.contacts()] == [
        ("Amos Bell", "+12025550123", None),
        ("Ruth Bell", "+12025550123", "ruth@example.org"),
    ]
    assert found["counts"] | {"optedOut": 0} == {
        "created": 2,
        "updated": 1,
        "unchanged": 2,
        "refused": 0,
        "erased": 0,
        "addedToGroup": 0,
        "optedOut": 0,
    }


def test_a_thousand_rows_about_one_person_are_taken_as_one_or_refused(importer: Importer) -> None:
    """Each round of one row costs as much as one of a thousand."""
    same = [("Ruth", "2025550123", "", f"note {n}") for n in range(500)]
    different = [("Amos", "2025550124", f"a{n}@example.org", "") for n in range(400)]
    file = csv_file([(*HEADER, "note"), *same, *different])

    found = importer.start(importer.change(importer.upload(file), otherColumns="fields", existing="replace"))

    counts = found["counts"]
    assert (counts["created"], counts["updated"], counts["unchanged"], counts["refused"]) == (2, 19, 499, 380)
    assert [contact[2:] for contact in importer.contacts()] == [
        ("a19@example.org", None, {}),
        (None, None, {"note": "note 499"}),
    ]
    assert "more than 20 different rows" in importer.report(found)[0]["reason"]


def test_people_are_added_to_a_group(importer: Importer) -> None:
    group = add_group(importer)
    add_contacts(importer.database, importer.church.church_id, count=1)
    rows = [HEADER, RUTH, ("Person 0", "+12025550000", "")]
    found = importer.change(importer.upload(csv_file(rows)), groupId=group)

    found = importer.start(found)

    assert members(importer, group) == ["Person 0", "Ruth Bell"]
    assert found["counts"]["addedToGroup"] == 2


def test_people_are_added_to_a_new_group_that_is_made_at_the_start(importer: Importer) -> None:
    file = csv_file([HEADER, RUTH])
    found = importer.change(importer.upload(file), groupName=" Picnic 2026 ")
    assert (found["groupName"], found["groupId"]) == ("Picnic 2026", None)
    assert importer.query("SELECT FROM groups") == []

    found = importer.start(found)

    assert importer.query("SELECT group_id::text, name FROM groups") == [(found["groupId"], "Picnic 2026")]
    assert (members(importer, found["groupId"]), found["counts"]["addedToGroup"]) == (["Ruth Bell"], 1)
    created = "SELECT subject FROM audit_events WHERE action = 'group.created'"
    assert importer.query(created) == [(found["groupId"],)]

    again = importer.start(importer.change(importer.upload(file), groupName="picnic 2026"))
    assert again["groupId"] == found["groupId"]
    assert len(importer.query(created)) == 1


def test_the_group_is_stated_by_id_or_by_name_and_the_last_statement_counts(importer: Importer) -> None:
    group = add_group(importer)
    found = importer.upload(csv_file([HEADER, RUTH]))

    importer.change(found, groupId=group, groupName="Picnic", status=422)
    assert importer.change(found, groupName="Picnic")["groupName"] == "Picnic"
    by_id = importer.change(found, groupId=group)
    assert (by_id["groupId"], by_id["groupName"]) == (group, None)
    by_name = importer.change(found, groupName="Picnic")
    assert (by_name["groupId"], by_name["groupName"]) == (None, "Picnic")
    neither = importer.change(found, groupName=None)
    assert (neither["groupId"], neither["groupName"]) == (None, None)


def test_people_are_not_added_to_a_smart_group_by_its_name(importer: Importer) -> None:
    group = add_group(importer, condition="{}")
    [(name,)] = importer.query("SELECT name FROM groups WHERE group_id = %(id)s", id=group)
    found = importer.change(importer.upload(csv_file([HEADER, RUTH])), groupName=name)

    answer = importer.request("POST", f"/api/imports/{found['id']}/start", 422)

    assert answer["errors"][0]["field"] == "groupName"
    assert importer.get(found)["status"] == "pending"


@pytest.mark.parametrize("kind", ["unknown", "smart", "of another church"])
def test_people_are_not_added_to_a_group_without_a_list(
    importer: Importer, client: FlaskClient, database: Database, other_church: KnownChurch, work: Work, kind: str
) -> None:
    group = {
        "unknown": lambda: str(uuid4()),
        "smart": lambda: add_group(importer, condition="{}"),
        "of another church": lambda: add_group(Importer(client, database, other_church, work)),
    }[kind]()

    importer.change(importer.upload(csv_file([HEADER, RUTH])), groupId=group, status=422)


def test_a_file_records_opt_outs_and_lifts_none(importer: Importer, client: FlaskClient) -> None:
    header = (*HEADER, "Opted out")
    rows = [header, (*RUTH, "yes"), ("Amos", "2025550124", "", "no"), ("Boaz", "2025550125", "", "perhaps")]
    found = importer.start(importer.upload(csv_file(rows), name="old list.csv"))

    query = "SELECT address, source FROM opt_outs ORDER BY address"
    assert importer.query(query) == [("+12025550123", "import"), ("ruth@example.org", "import")]
    [recorded] = importer.query("SELECT DISTINCT evidence, actor_kind, actor FROM consent_events")
    [(key_id,)] = importer.query("SELECT actor FROM audit_events WHERE action = 'import.started'")
    assert recorded == (f"old list.csv, line 2, import {found['id']}", "key", key_id)
    assert [row["reason"] for row in importer.report(found)] == ["is neither yes nor no"]

    importer.start(importer.upload(csv_file([header, (*RUTH, "no")])))
    assert len(importer.query(query)) == 2


def test_a_church_has_at_most_fifty_fields(importer: Importer) -> None:
    header = ("Name", "Mobile", *(f"extra{number}" for number in range(51)))
    found = importer.change(importer.upload(csv_file([header, ("Ruth", "2025550123")])), otherColumns="fields")

    answer = importer.request("POST", f"/api/imports/{found['id']}/start", 422)

    assert "51 fields" in answer["errors"][0]["message"]
    assert importer.query("SELECT FROM contact_fields") == []


@pytest.mark.parametrize(
    "columns",
    [
        [{"column": 1, "target": "phone"}],
        [{"column": 4, "target": "name"}],
        [{"column": 1, "target": "field", "field": "same"}, {"column": 3, "target": "field", "field": "same"}],
        [{"column": 1, "target": "field", "field": "phone"}],
        [{"column": 1, "target": "field", "field": "No spaces"}],
    ],
    ids=["twice", "beyond", "one field twice", "reserved", "not a name"],
)
def test_columns_cannot_be_taken_for_what_makes_no_sense(importer: Importer, columns: list[Json]) -> None:
    importer.change(importer.upload(csv_file([HEADER, RUTH])), status=422, columns=columns)


def test_a_file_is_also_taken_as_the_body_itself(importer: Importer, client: FlaskClient) -> None:
    answer = client.post(
        "/api/imports?fileName=C:\\lists\\members.csv",
        data=csv_file([HEADER, RUTH]),
        content_type="text/csv",
        headers=importer.church.bearer,
    )

    assert (answer.status_code, answer.get_json()["fileName"]) == (201, "members.csv")
    assert answer.headers["Location"] == f"/api/imports/{answer.get_json()['id']}"


def test_other_bodies_are_refused(importer: Importer, client: FlaskClient) -> None:
    for content_type, status in (("application/json", 415), ("image/png", 415), ("multipart/form-data", 422)):
        answer = client.post("/api/imports", data=b"{}", content_type=content_type, headers=importer.church.bearer)
        assert answer.status_code == status, content_type
        assert answer.content_type == "application/problem+json"


def test_a_larger_file_than_other_bodies_is_taken_and_a_far_larger_one_refused(
    importer: Importer, client: FlaskClient
) -> None:
    rows = [(*HEADER, "note"), *((*RUTH, "x" * 1000) for _ in range(9_000))]
    found = importer.upload(csv_file(rows))
    assert (found["rows"], found["check"]["isWholeFile"]) == (9_000, False)

    too_large = client.post(
        "/api/imports", data=b"x" * 25_200_000, content_type="text/csv", headers=importer.church.bearer
    )
    other_route = client.post(
        "/api/contacts", data=b"x" * 9_000_000, content_type="application/json", headers=importer.church.bearer
    )
    assert (too_large.status_code, other_route.status_code) == (413, 413)


def test_a_dry_run_counts_as_the_import_does(importer: Importer) -> None:
    add_contacts(importer.database, importer.church.church_id, count=20)
    addresses = [(f"+1202555{n % 40:04d}", "" if n % 3 else f"p{n}@example.org") for n in range(90)]
    rows = [HEADER, *((f"Person {n % 30}", *both) for n, both in enumerate(addresses))]
    found = importer.upload(csv_file([*rows, ("", "1", ""), ("Amos", "", "no")]))

    counts = importer.start(found)["counts"]

    names = ("created", "updated", "unchanged", "refused")
    assert {name: counts[name] for name in names} == {name: found["check"][name] for name in names}
    assert sum(counts[name] for name in names) == found["rows"] == 92
