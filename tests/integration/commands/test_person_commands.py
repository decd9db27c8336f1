"""`flask person export` and `flask person erase`."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from store import contacts, opt_outs
from store.contacts import Person
from store.database import Database, church_scope, system_scope
from tests.integration.commands.conftest import Run
from tests.integration.store.ledger import Ledger

UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"
RUTH, RUTHS_MAIL = "+12025550123", "ruth@example.org"


@pytest.fixture
def church(run: Run) -> str:
    created = run("create-church", "--name", "Grace", "--sms-from", "+12025550100", "--json")
    return json.loads(created.stdout)["churchId"]


@pytest.fixture
def ruth(database: Database, church: str) -> None:
    with church_scope(database, UUID(church)) as connection:
        contacts.add(
            connection, church_id=UUID(church), people=[Person(name="Ruth Bell", phone=RUTH, email=RUTHS_MAIL)]
        )


@pytest.mark.usefixtures("ruth")
def test_an_export_is_printed_as_json(run: Run, church: str, database: Database) -> None:
    printed = run("person", "export", "--church", church, "+1 202 555 0123", RUTHS_MAIL)

    assert printed.exit_code == 0
    found = json.loads(printed.stdout)
    assert found["addresses"] == [RUTH, RUTHS_MAIL]
    assert [contact["name"] for contact in found["contacts"]] == ["Ruth Bell"]
    with system_scope(database) as connection:
        actors = connection.execute("SELECT actor_kind FROM audit_events WHERE action = 'person.exported'").fetchall()
    assert actors == [("command",)]


@pytest.mark.usefixtures("ruth")
def test_erasing_says_what_was_removed_and_what_is_left_to_do(run: Run, church: str) -> None:
    erased = run("person", "erase", "--church", church, RUTH)

    assert erased.exit_code == 0
    assert "Deleted contacts: 1." in erased.stdout
    assert f"Deleted contacts also had: {RUTHS_MAIL}" in erased.stdout
    assert f"{RUTH} is not opted out" in erased.stdout
    assert json.loads(run("person", "export", "--church", church, RUTH).stdout)["contacts"] == []


@pytest.mark.usefixtures("ruth")
def test_an_opt_out_is_kept(run: Run, church: str, database: Database) -> None:
    run("opt-out", "--church", church, "--address", RUTH)

    erased = run("person", "erase", "--church", church, RUTH)

    assert "is not opted out" not in erased.stdout
    with system_scope(database) as connection:
        assert opt_outs.get(connection, church_id=UUID(church), address=RUTH) is not None


def test_a_delivery_that_is_being_submitted_ends_the_command_with_an_error(
    run: Run, church: str, database: Database
) -> None:
    ledger = Ledger(database)
    ledger.query("UPDATE churches SET window_opens = 0, window_closes = 1440")
    ledger.send(UUID(church), [RUTH])
    ledger.claim(UUID(church))

    erased = run("person", "erase", "--church", church, RUTH)

    assert erased.exit_code == 1
    assert "1 deliveries are being submitted or in doubt" in erased.stderr


@pytest.mark.parametrize("command", ["export", "erase"])
@pytest.mark.parametrize(
    "arguments", [("--church", UNKNOWN_CHURCH, RUTH), ("--church", UNKNOWN_CHURCH, "12"), ("--church", UNKNOWN_CHURCH)]
)
def test_invalid_input_is_refused_in_one_line(run: Run, command: str, arguments: tuple[str, ...]) -> None:
    refused = run("person", command, *arguments)

    assert refused.exit_code == 2
    assert "Traceback" not in refused.output
