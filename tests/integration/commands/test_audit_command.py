"""`flask audit` lists who changed what, and exports it."""

from __future__ import annotations

import csv
import io
import json
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest

from store import audit
from store.audit import Actor
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

RUTH = Actor(kind="operator", name="ruth")
FORMULA = '=HYPERLINK("http://evil.example")'


def record(database: Database, *, subject: str, actor: Actor = RUTH, church_id: UUID | None = None) -> None:
    with system_scope(database) as connection:
        audit.record(connection, actor=actor, action="sender.resumed", subject=subject, church_id=church_id)


def as_json(run: Run, *options: str) -> dict[str, Any]:
    result = run("audit", "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def subjects(run: Run, *options: str) -> list[str]:
    return [item["subject"] for item in as_json(run, *options)["items"]]


def test_the_table_shows_who_did_what(run: Run, database: Database) -> None:
    church_id = uuid4()
    record(database, subject="sms", church_id=church_id)

    shown = run("audit").stdout.splitlines()

    assert shown[0].split() == ["TIME", "ACTOR", "ACTION", "SUBJECT", "CHURCH", "DETAILS"]
    assert "operator ruth" in shown[1]
    assert "sender.resumed" in shown[1]
    assert str(church_id) in shown[1]


def test_without_entries_the_command_says_so(run: Run, database: Database) -> None:
    assert run("audit").stdout == "There are no such entries.\n"


def test_the_pages_contain_every_entry_once(run: Run, database: Database) -> None:
    for number in range(5):
        record(database, subject=str(number))

    seen: list[str] = []
    page = as_json(run, "--limit", "2")
    seen += [item["subject"] for item in page["items"]]
    while page["next"]:
        page = as_json(run, "--limit", "2", "--before", page["next"])
        seen += [item["subject"] for item in page["items"]]

    assert seen == ["4", "3", "2", "1", "0"]
    assert "--before" in run("audit", "--limit", "2").stdout
    assert "--before" not in run("audit", "--limit", "5").stdout


def test_the_options_select_entries(run: Run, database: Database) -> None:
    church_id = uuid4()
    record(database, subject="a", church_id=church_id)
    record(database, subject="b", actor=Actor(kind="command", name="amos@host-1"))

    assert subjects(run, "--church", str(church_id)) == ["a"]
    assert subjects(run, "--actor", "amos@host-1") == ["b"]
    assert subjects(run, "--subject", "a") == ["a"]
    assert subjects(run, "--action", "key.revoked") == []
    assert subjects(run, "--since", "1h") == ["b", "a"]
    assert subjects(run, "--until", "1h") == []
    assert subjects(run, "--since", "2099-01-01T00:00:00Z") == []


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", "1y", "2026-01-01T09:00:00", "99999999d", ""])
def test_a_time_that_cannot_be_read_is_reported_in_one_line(run: Run, time: str) -> None:
    refused = run("audit", "--since", time)

    assert refused.exit_code == 2
    assert refused.stderr.startswith("Error: --since must be a date such as 2027-01-01")


def test_an_export_has_every_entry_and_no_formula(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("api.commands.audit"), "_EVENTS_AT_ONCE", 2)
    for subject in ("1", "2", "3", "4", FORMULA):
        record(database, subject=subject)

    rows = list(csv.DictReader(io.StringIO(run("audit", "--csv").stdout)))

    assert [row["subject"] for row in rows] == [f"'{FORMULA}", "4", "3", "2", "1"]
    assert {row["actor"] for row in rows} == {"ruth"}
    assert rows[0]["at"].endswith("Z")


def test_control_characters_are_not_printed(run: Run, database: Database) -> None:
    record(database, subject="a\x1b[2Jb")

    assert "\x1b" not in run("audit").stdout
