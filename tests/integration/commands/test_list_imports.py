"""`flask list-imports`."""

from __future__ import annotations

from pathlib import Path

from api.imports.uploaded_file import UploadedFile
from api.imports.uploading import upload
from store import imports
from store.audit import Actor
from store.database import Database, church_scope
from tests.harness.churches import create_church
from tests.integration.commands.conftest import Run

MEMBERS = Path(__file__).parents[3] / "docs" / "members.csv"
ACTOR = Actor(kind="command", name="ruth@office")


def test_imports_are_listed_newest_first_with_their_state(run: Run, database: Database) -> None:
    church_id, other_id = create_church(database).church_id, create_church(database).church_id
    first, second = (
        upload(database, church_id=church_id, file=UploadedFile(name=name, data=MEMBERS.read_bytes()), actor=ACTOR)
        for name in ("old.csv", "new.csv")
    )
    with church_scope(database, church_id) as connection:
        imports.start(connection, church_id=church_id, import_id=first.import_id, group_id=None, actor=ACTOR)
        counts = {"created": 3, "updated": 0, "unchanged": 0, "refused": 4, "erased": 0, "grouped": 0, "opted_out": 0}
        imports.record_part(connection, first.import_id, counts)

    heading, newest, oldest = run("list-imports", "--church", str(church_id)).stdout.splitlines()

    assert heading.split()[:2] == ["IMPORT", "ID"]
    assert newest.split()[:8] == [str(second.import_id), "new.csv", "pending", "7", "0", "0", "0", "0"]
    assert oldest.split()[:8] == [str(first.import_id), "old.csv", "finished", "7", "7", "3", "0", "4"]
    assert oldest.endswith("command ruth@office")
    assert run("list-imports", "--church", str(other_id)).stdout == "The church has no imports.\n"
    assert run("list-imports", "--church", "01900000-0000-7000-8000-000000000000").exit_code != 0
