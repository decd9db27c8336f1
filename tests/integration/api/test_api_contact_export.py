"""Exports of contacts: what is in the file, that no spreadsheet calculates it, and that importing it changes
nothing."""

from __future__ import annotations

import csv
import io
from typing import Any, cast
from uuid import UUID

import openpyxl
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from store import opt_outs
from store.database import Database, church_scope
from tests.harness.churches import KnownChurch, add_contacts

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
Rows = list[dict[str, str]]

STORABLE = st.characters(exclude_categories=["Cs", "Cc"])
HARD_TEXTS = (
    "=1+1",
    "'=1+1",
    "''@x",
    "+1",
    "-",
    "_x000D_",
    "_x0041_",
    "a\r\nb",
    "a\nb",
    'a"b',
    "a;b,c",
    "#N/A",
    "é\x07",
)
texts = st.one_of(st.text(STORABLE, min_size=1, max_size=12), st.sampled_from(HARD_TEXTS)).filter(
    lambda text: text == text.strip() and text != ""
)


def export(client: FlaskClient, church: KnownChurch, query: str = "") -> bytes:
    answer = client.get(f"/api/contacts/export{query}", headers=church.bearer)
    assert answer.status_code == 200, answer.text
    return answer.data


def csv_rows(data: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def xlsx_rows(data: bytes) -> Rows:
    workbook = cast("Any", openpyxl.load_workbook(io.BytesIO(data)))
    headings, *rows = workbook["Contacts"].iter_rows(values_only=True)
    return [dict(zip(headings, (cell or "" for cell in row), strict=True)) for row in rows]


def add(database: Database, church: KnownChurch, name: str, phone: str | None, fields: dict[str, str]) -> None:
    with church_scope(database, church.church_id) as connection:
        for field in fields:
            connection.execute(
                "INSERT INTO contact_fields (church_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (church.church_id, field),
            )
        connection.execute(
            "INSERT INTO contacts (church_id, name, phone, email, time_zone, fields) VALUES (%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (church.church_id, name, phone, None if phone else "a@example.org", "America/Denver", Jsonb(fields)),
        )


def stored(database: Database, church_id: UUID) -> list[tuple[Any, ...]]:
    query = "SELECT contact_id, name, phone, email, time_zone, fields, updated_at FROM contacts ORDER BY contact_id"
    with church_scope(database, church_id) as connection:
        return connection.execute(query).fetchall()


def test_an_export_has_the_people_their_fields_and_their_opt_outs(
    client: FlaskClient, church: KnownChurch, database: Database
) -> None:
    add(database, church, "Ruth", "+12025550123", {"campus": "North"})
    add(database, church, "Amos", None, {})
    with church_scope(database, church.church_id) as connection:
        opt_outs.opt_out(connection, church_id=church.church_id, address="+12025550123", source="command")

    ruth, amos = csv_rows(export(client, church))

    opted_out = ruth.pop("Texts opted out")
    assert opted_out.startswith("20")
    assert opted_out.endswith("Z")
    assert ruth == {
        "Name": "Ruth",
        "Phone": "'+12025550123",
        "E-mail": "",
        "Time zone": "America/Denver",
        "Mail opted out": "",
        "campus": "North",
    }
    assert (amos["Phone"], amos["E-mail"], amos["Texts opted out"], amos["campus"]) == ("", "a@example.org", "", "")


def test_a_workbook_has_the_same_as_texts(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    add(database, church, "=HYPERLINK(1)", "+12025550123", {"campus": "a\r\nb_x0041_", "note": "'=1"})

    workbook = cast("Any", openpyxl.load_workbook(io.BytesIO(export(client, church, "?format=xlsx"))))

    [headings, row] = [list(row) for row in workbook["Contacts"].iter_rows()]
    cells = {heading.value: cell for heading, cell in zip(headings, row, strict=True)}
    assert (cells["Name"].value, cells["Name"].data_type) == ("=HYPERLINK(1)", "s")
    assert cells["Phone"].value == "+12025550123"
    assert cells["note"].value == "''=1"


def test_an_export_of_a_group_has_its_members(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    [ruth, _] = add_contacts(database, church.church_id, count=2)
    with church_scope(database, church.church_id) as connection:
        row = connection.execute(
            "INSERT INTO groups (church_id, name) VALUES (%s, 'Choir') RETURNING group_id", (church.church_id,)
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO group_members (group_id, contact_id, church_id) VALUES (%s, %s, %s)",
            (row[0], ruth, church.church_id),
        )

    assert [found["Name"] for found in csv_rows(export(client, church, f"?groupId={row[0]}"))] == ["Person 0"]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_members_of_a_smart_group_are_exported_page_by_page(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database, form: str
) -> None:
    for each in (church, other_church):
        add_contacts(database, each.church_id, count=1_200)
    with church_scope(database, church.church_id) as connection:
        connection.execute("INSERT INTO contact_fields (church_id, name) VALUES (%s, 'campus')", (church.church_id,))
        connection.execute("UPDATE contacts SET fields = '{\"campus\": \"North\"}' WHERE name ~ '[05]$'")
        contacts = connection.execute("SELECT phone FROM contacts WHERE name = 'Person 5'").fetchone()
        assert contacts is not None
        opt_outs.opt_out(connection, church_id=church.church_id, address=contacts[0], source=opt_outs.COMMAND)
    body = {"name": "North", "condition": {"field": "campus", "equals": "North"}}
    group = client.post("/api/groups", json=body, headers=church.bearer).get_json()["id"]

    data = export(client, church, f"?groupId={group}&format={form}")

    rows = csv_rows(data) if form == "csv" else xlsx_rows(data)
    assert [row["Name"] for row in rows] == [f"Person {number}" for number in range(0, 1_200, 5)]
    assert {row["campus"] for row in rows} == {"North"}
    assert [row["Name"] for row in rows if row["Texts opted out"]] == ["Person 5"]


def test_an_unknown_group_or_format_is_refused(client: FlaskClient, church: KnownChurch) -> None:
    for query in (f"groupId={church.church_id}", "groupId=1", "format=ods"):
        answer = client.get(f"/api/contacts/export?{query}", headers=church.bearer)
        assert answer.status_code == 422, query


def test_an_export_of_several_pages_has_everyone_once(
    client: FlaskClient, church: KnownChurch, other_church: KnownChurch, database: Database
) -> None:
    add_contacts(database, church.church_id, count=2_001)
    add_contacts(database, other_church.church_id, count=5)

    names = [row["Name"] for row in csv_rows(export(client, church))]

    assert names == [f"Person {number}" for number in range(2_001)]


def test_an_export_is_in_the_audit(client: FlaskClient, church: KnownChurch, database: Database) -> None:
    export(client, church)

    with church_scope(database, church.church_id) as connection:
        actions = connection.execute("SELECT action, details FROM audit_events").fetchall()
    assert actions == [("contacts.exported", {"format": "csv"})]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(
        st.tuples(
            texts.filter(lambda name: len(name) < 100),
            st.sampled_from([None, "+12025550123", "+442079460958"]),
            st.dictionaries(st.sampled_from(["campus", "note", "mobile", "firstName"]), texts, max_size=3),
        ),
        max_size=4,
    )
)
def test_importing_an_export_changes_nothing(
    form: str,
    client: FlaskClient,
    church: KnownChurch,
    database: Database,
    people: list[tuple[str, str | None, dict[str, str]]],
) -> None:
    """Also under the policy that takes what the file says: so the file says exactly what is stored."""
    with church_scope(database, church.church_id) as connection:
        connection.execute("UPDATE churches SET regions = '{US,GB}'")
        connection.execute("DELETE FROM imports")
        connection.execute("DELETE FROM contacts")
    for name, phone, fields in people:
        add(database, church, name, phone, fields)
    before = stored(database, church.church_id)
    data = export(client, church, f"?format={form}")
    if form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")) for cell in row]
        assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]

    answer = client.post("/api/imports", data=data, content_type="text/csv", headers=church.bearer)
    assert answer.status_code == 201, answer.text
    found = client.patch(
        f"/api/imports/{answer.get_json()['id']}", json={"existing": "replace"}, headers=church.bearer
    ).get_json()

    assert (found["check"]["unchanged"], found["check"]["rows"]) == (len(before), len(before)), found["check"]
    assert stored(database, church.church_id) == before
