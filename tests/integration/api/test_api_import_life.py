"""What becomes of an import: started, canceled, undone, deleted, listed and recorded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from store.database import Database
from tests.harness.churches import KnownChurch
from tests.harness.contact_files import csv_file, people
from tests.integration.api.importer import HEADER, RUTH, Importer, Json, Work, add_group, members


def test_undoing_deletes_restores_and_ungroups(importer: Importer) -> None:
    group = add_group(importer)
    importer.start(importer.upload(csv_file([HEADER, RUTH])))
    before = importer.contacts()
    changed = ("Ruth Bell", "2025550123", "new@example.org", "North")
    file = csv_file([(*HEADER, "campus"), changed, ("Amos", "2025550124", "", "")])
    found = importer.change(importer.upload(file), otherColumns="fields", existing="replace", groupId=group)
    found = importer.start(found)
    assert len(importer.contacts()) == 2

    found = importer.undo(found)

    assert (found["status"], found["undone"]) == ("undone", {"removed": 1, "restored": 1, "kept": 0})
    assert importer.contacts() == before
    assert members(importer, group) == []
    assert importer.undo(found) == found


def test_undoing_leaves_what_was_changed_since_and_says_so(importer: Importer) -> None:
    rows = [HEADER, RUTH, ("Amos", "2025550124", ""), ("Boaz", "2025550125", ""), ("Dan", "2025550126", "")]
    found = importer.start(importer.upload(csv_file(rows)))
    importer.query("UPDATE contacts SET fields = '{\"campus\": \"North\"}' WHERE name = 'Amos'")
    importer.query("DELETE FROM contacts WHERE name = 'Boaz'")
    other = add_group(importer)
    importer.query(
        "INSERT INTO group_members (group_id, contact_id, church_id) "
        "SELECT %(id)s, contact_id, church_id FROM contacts WHERE name = 'Dan'",
        id=other,
    )

    found = importer.undo(found)

    assert found["undone"] == {"removed": 1, "restored": 0, "kept": 2}
    assert [contact[0] for contact in importer.contacts()] == ["Amos", "Dan"]
    assert [(row["line"], row["outcome"]) for row in importer.report(found)] == [("3", "kept"), ("5", "kept")]


def test_imports_are_undone_one_after_the_other(importer: Importer) -> None:
    first = importer.start(importer.upload(csv_file([HEADER, RUTH])))
    changed = ("Ruth Bell", "2025550123", "new@example.org")
    second = importer.change(importer.upload(csv_file([HEADER, changed])), existing="replace")
    importer.start(second)

    assert importer.undo(second)["undone"]["restored"] == 1
    assert importer.undo(first)["undone"]["removed"] == 1
    assert importer.contacts() == []


def test_a_running_import_can_be_canceled_and_undone(importer: Importer) -> None:
    found = importer.upload(csv_file([HEADER, RUTH]))
    importer.request("POST", f"/api/imports/{found['id']}/cancel", 409)
    importer.request("POST", f"/api/imports/{found['id']}/start", 202)

    canceled = importer.request("POST", f"/api/imports/{found['id']}/cancel", 200)
    importer.work()

    assert canceled["status"] == "canceled"
    assert importer.contacts() == []
    assert importer.query("SELECT FROM import_parts") == []
    importer.request("POST", f"/api/imports/{found['id']}/cancel", 200)
    importer.request("POST", f"/api/imports/{found['id']}/start", 409)
    assert importer.undo(found)["status"] == "undone"


def test_a_pending_import_is_deleted_and_a_started_one_is_not(importer: Importer) -> None:
    found = importer.upload(csv_file([HEADER, RUTH]))
    importer.request("DELETE", f"/api/imports/{found['id']}", 204)
    importer.request("GET", f"/api/imports/{found['id']}", 404)
    assert importer.query("SELECT FROM import_parts") == []

    started = importer.start(importer.upload(csv_file([HEADER, RUTH])))
    importer.request("DELETE", f"/api/imports/{started['id']}", 409)
    importer.change(started, status=409, existing="replace")


def test_starting_twice_imports_once(importer: Importer) -> None:
    found = importer.start(importer.upload(csv_file([HEADER, RUTH])))

    assert importer.start(found) == found
    assert len(importer.contacts()) == 1


@pytest.mark.parametrize(
    ("header", "field"),
    [(("Colour", "Mobile"), "columns"), (("Name", "Colour"), "columns")],
    ids=["no name", "no address"],
)
def test_an_import_that_would_refuse_every_row_cannot_be_started(
    importer: Importer, header: tuple[str, ...], field: str
) -> None:
    found = importer.upload(csv_file([header, ("red", "blue")]))
    found = importer.change(found, headerRow=1)

    answer = importer.request("POST", f"/api/imports/{found['id']}/start", 422)

    assert answer["errors"][0]["field"] == field


def test_imports_are_listed_newest_first_in_pages(importer: Importer) -> None:
    ids = [importer.upload(csv_file([HEADER, RUTH]))["id"] for _ in range(3)]

    page = importer.request("GET", "/api/imports?limit=2", 200)
    rest = importer.request("GET", f"/api/imports?limit=2&cursor={page['next']}", 200)

    assert [found["id"] for found in (*page["items"], *rest["items"])] == ids[::-1]
    assert rest["next"] is None


def test_a_church_has_at_most_twenty_pending_files(importer: Importer) -> None:
    for _ in range(20):
        importer.upload(csv_file([HEADER, RUTH]))

    assert importer.upload(csv_file([HEADER, RUTH]), status=409)["type"].endswith("too-many-imports")


def test_what_happens_to_an_import_is_in_the_audit_without_names_or_numbers(importer: Importer) -> None:
    found = importer.upload(csv_file([HEADER, RUTH]), name="Ruth Bell 2025550123.csv")
    importer.change(found, existing="replace")
    importer.start(found)
    importer.undo(found)

    query = "SELECT action, actor_kind, subject, details::text FROM audit_events ORDER BY audit_event_id"
    events = importer.query(query)

    assert [event[:3] for event in events if event[0].startswith("import.")] == [
        ("import.created", "key", found["id"]),
        ("import.changed", "key", found["id"]),
        ("import.started", "key", found["id"]),
        ("import.finished", "service", found["id"]),
        ("import.undo_started", "key", found["id"]),
        ("import.undone", "service", found["id"]),
    ]
    assert "Ruth" not in str(events)
    assert "5550123" not in str(events)


def test_the_logs_have_no_cell_of_a_file(importer: Importer, log_lines: Callable[[], list[Json]]) -> None:
    importer.start(importer.upload(csv_file([HEADER, RUTH, ("Amos", "12-secret", "")]), name="a file.csv"))

    written = str(log_lines())
    assert "import finished" in written
    for text in ("Ruth", "5550123", "secret", "a file"):
        assert text not in written


def test_another_church_sees_and_changes_no_import(
    importer: Importer, client: FlaskClient, database: Database, other_church: KnownChurch, work: Work
) -> None:
    found = importer.upload(csv_file([HEADER, RUTH]))
    other = Importer(client, database, other_church, work)

    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/start"),
        ("POST", "/cancel"),
        ("POST", "/undo"),
        ("GET", "/report"),
    ):
        body: Json = {"json": {}} if method == "PATCH" else {}
        other.request(method, f"/api/imports/{found['id']}{path}", 404, **body)
    assert other.request("GET", "/api/imports", 200)["items"] == []
    assert importer.get(found)["status"] == "pending"


def test_a_thousand_people_in_two_parts_are_taken(importer: Importer) -> None:
    found = importer.start(importer.upload(csv_file(people(1_500))))

    assert (found["counts"]["created"], found["rows"]) == (1_500, 1_500)
    assert importer.query("SELECT FROM import_parts") == []
