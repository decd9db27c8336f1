"""`flask list-groups`."""

from __future__ import annotations

from uuid import UUID

from store import groups
from store.database import Database, church_scope
from tests.harness.churches import add_contacts, create_church
from tests.integration.commands.conftest import Run


def make(database: Database, church_id: UUID, name: str, condition: dict[str, object] | None = None) -> UUID:
    with church_scope(database, church_id) as connection:
        group, _ = groups.create(connection, church_id=church_id, name=name, condition=condition, limit=10)
    return group.group_id


def test_groups_are_listed_with_their_members_and_what_needs_them(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id
    ids = add_contacts(database, church_id, count=3)
    youth = make(database, church_id, "Youth")
    others = make(database, church_id, "Others", {"not": {"inGroup": str(youth)}})
    with church_scope(database, church_id) as connection:
        groups.add_members(connection, church_id=church_id, group_id=youth, contact_ids=ids[:2])

    lines = run("list-groups", "--church", str(church_id)).stdout.splitlines()

    assert lines[1].split() == [str(youth), "Youth", "2", "group", str(others), "-"]
    assert lines[2].split()[:4] == [str(others), "Others", "1", "-"]
    assert f'{{"not": {{"inGroup": "{youth}"}}}}' in lines[2]


def test_a_church_without_groups_and_an_unknown_one(run: Run, database: Database) -> None:
    church_id = create_church(database).church_id

    assert run("list-groups", "--church", str(church_id)).stdout == "The church has no groups.\n"
    assert run("list-groups", "--church", "01900000-0000-7000-8000-000000000000").exit_code != 0
