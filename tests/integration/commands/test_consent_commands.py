"""`flask opt-out`, `opt-in` and `list-opt-outs`: both events are stored, and an opt-in applies at once."""

from __future__ import annotations

import json
import re
from uuid import UUID

import pytest

from store import opt_outs
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

UNKNOWN_CHURCH = "01900000-0000-7000-8000-000000000000"
RUTH, RUTHS_MAIL = "+12025550123", "ruth@example.org"


@pytest.fixture
def church(run: Run) -> str:
    return json.loads(run("create-church", "--name", "Grace", "--json").stdout)["churchId"]


def events(database: Database) -> list[tuple[str, ...]]:
    with system_scope(database) as connection:
        return connection.execute(
            "SELECT address, event, source, evidence, lifted_source FROM consent_events ORDER BY consent_event_id"
        ).fetchall()


def opted_out(database: Database) -> list[tuple[str, str]]:
    with system_scope(database) as connection:
        return connection.execute("SELECT address, source FROM opt_outs ORDER BY address").fetchall()


def bounce(database: Database, church: str, address: str = RUTHS_MAIL) -> None:
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=UUID(church), address=address, source="bounce")


def test_an_opt_out_and_its_opt_in_are_both_stored(run: Run, church: str, database: Database) -> None:
    out = run("opt-out", "--church", church, "--address", "+1 202 555 0123", "--evidence", "called the office")
    assert (out.exit_code, opted_out(database)) == (0, [(RUTH, "command")])

    lifted = run("opt-in", "--church", church, "--address", RUTH, "--evidence", "signed the form on Sunday")

    assert (lifted.exit_code, opted_out(database)) == (0, [])
    assert events(database) == [
        (RUTH, "opt_out", "command", "called the office", None),
        (RUTH, "opt_in", "command", "signed the form on Sunday", "command"),
    ]
    with system_scope(database) as connection:
        times = connection.execute("SELECT lifted_since <= happened_at FROM consent_events WHERE event = 'opt_in'")
        assert times.fetchall() == [(True,)]


def test_an_opt_out_after_a_bounce_is_lifted_too(run: Run, church: str, database: Database) -> None:
    bounce(database, church)

    lifted = run("opt-in", "--church", church, "--address", "Ruth@Example.org", "--evidence", "the mailbox is back")

    assert (lifted.exit_code, opted_out(database)) == (0, [])
    assert events(database)[-1] == (RUTHS_MAIL, "opt_in", "command", "the mailbox is back", "bounce")


def test_a_repeated_command_is_reported_and_changes_nothing(run: Run, church: str, database: Database) -> None:
    arguments = ("--church", church, "--address", RUTH, "--evidence", "x")
    assert "is not opted out" in run("opt-in", *arguments).stdout
    run("opt-out", *arguments)
    before = events(database)

    again = run("opt-out", *arguments)

    assert (again.exit_code, events(database)) == (0, before)
    assert "already" in again.stdout


def test_an_opt_out_from_another_church_is_unchanged(run: Run, church: str, database: Database) -> None:
    other = json.loads(run("create-church", "--name", "Hope", "--json").stdout)["churchId"]
    run("opt-out", "--church", other, "--address", RUTH)

    result = run("opt-in", "--church", church, "--address", RUTH, "--evidence", "x")

    assert "is not opted out" in result.stdout
    assert opted_out(database) == [(RUTH, "command")]


def test_after_a_stop_at_the_carrier_the_command_mentions_the_list_of_the_carrier(
    run: Run, church: str, database: Database
) -> None:
    with system_scope(database) as connection:
        opt_outs.opt_out(connection, church_id=UUID(church), address=RUTH, source="carrier")

    lifted = run("opt-in", "--church", church, "--address", RUTH, "--evidence", "sent START")

    assert lifted.exit_code == 0
    assert "START" in lifted.stdout


def test_opt_outs_are_listed_with_their_history_on_request(run: Run, church: str, database: Database) -> None:
    run("opt-out", "--church", church, "--address", RUTH, "--evidence", "asked\x1b[2J on the phone")
    run("opt-in", "--church", church, "--address", RUTH, "--evidence", "changed her mind")
    bounce(database, church)

    listed = run("list-opt-outs", "--church", church).stdout
    history = run("list-opt-outs", "--church", church, "--history").stdout
    of_ruth = run("list-opt-outs", "--church", church, "--history", "--address", RUTH).stdout

    assert [line.split()[0] for line in listed.splitlines()[1:]] == [RUTHS_MAIL]
    assert re.search(rf"{RUTHS_MAIL} +bounce +\d{{4}}-", listed)
    assert len(history.splitlines()) == 4
    assert "changed her mind" in history
    assert "\x1b" not in history
    assert len(of_ruth.splitlines()) == 3
    assert RUTHS_MAIL not in of_ruth


def test_an_empty_list_of_opt_outs_is_reported(run: Run, church: str) -> None:
    assert "Nobody is opted out." in run("list-opt-outs", "--church", church).stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["opt-in", "--address", RUTH, "--evidence", " "], "--evidence"),
        (["opt-in", "--address", "202 555 0123", "--evidence", "x"], "--address"),
        (["opt-in", "--address", "ruth@", "--evidence", "x"], "--address"),
        (["opt-out", "--address", "+1202"], "--address"),
        (["opt-out", "--address", RUTH, "--evidence", "x" * 2001], "--evidence"),
    ],
)
def test_invalid_input_is_reported_in_one_line_and_changes_nothing(
    run: Run, church: str, database: Database, arguments: list[str], complaint: str
) -> None:
    command, *rest = arguments
    refused = run(command, "--church", church, *rest)

    assert refused.exit_code == 2
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("Error:")]
    assert complaint in line
    assert (opted_out(database), events(database)) == ([], [])


def test_lifting_an_opt_out_requires_evidence(run: Run, church: str) -> None:
    refused = run("opt-in", "--church", church, "--address", RUTH)

    assert refused.exit_code == 2
    assert "--evidence" in refused.stderr


@pytest.mark.parametrize("command", ["opt-out", "opt-in", "list-opt-outs"])
def test_an_unknown_church_is_reported_in_one_line(run: Run, command: str) -> None:
    options = () if command == "list-opt-outs" else ("--address", RUTH, "--evidence", "x")
    refused = run(command, "--church", UNKNOWN_CHURCH, *options)

    assert refused.exit_code == 2
    assert f"There is no church {UNKNOWN_CHURCH}." in refused.stderr
