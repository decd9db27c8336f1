"""`flask operator`: operators are added, listed and removed, and their sessions end."""

from __future__ import annotations

import pytest

from store import operator_sessions, operators
from store.database import Database, system_scope
from tests.integration.commands.conftest import Run

PASSWORD = "a long password of a person"


def begin(database: Database, name: str | None, *, number: int = 0) -> None:
    """Begin a session of an operator; None: with the shared password."""
    with system_scope(database) as connection:
        operator = operators.find(connection, name) if name else None
        operator_sessions.begin(
            connection,
            (name or "shared").encode().ljust(31) + bytes([number]),
            operator_id=operator.operator_id if operator else None,
            login_address="192.0.2.1",
            lifetime_seconds=3600,
        )


def open_sessions(database: Database) -> list[str]:
    with system_scope(database) as connection:
        return [session.name for session in operator_sessions.list_sessions(connection)]


def test_an_operator_is_added_with_a_password_from_standard_input(run: Run, database: Database) -> None:
    added = run("operator", "add", "ruth", input=f"{PASSWORD}\n")

    assert added.exit_code == 0
    assert PASSWORD not in added.output
    with system_scope(database) as connection:
        found = operators.find(connection, "ruth")
    assert found is not None
    assert found.password_hash.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    listed = run("operator", "list").stdout
    assert listed.splitlines()[1].split()[0] == "ruth"
    assert "never" in listed
    assert "argon2" not in listed


@pytest.mark.parametrize("password", ["", "short", "a" * 40, "x" * 2000])
@pytest.mark.parametrize("command", ["add", "set-password"])
def test_a_weak_password_is_refused_and_not_repeated(command: str, password: str, run: Run, database: Database) -> None:
    refused = run("operator", command, "ruth", input=password)

    assert refused.exit_code == 2
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("Error:")]
    assert "characters" in line
    assert not password or password not in refused.output
    with system_scope(database) as connection:
        assert operators.find(connection, "ruth") is None


def test_a_password_on_the_command_line_is_refused(run: Run, database: Database) -> None:
    assert run("operator", "add", "ruth", PASSWORD).exit_code == 2


@pytest.mark.parametrize("name", ["operator", "Ruth", "ruth amos", "-", "", "r" * 33, "1st", "ruth\n"])
def test_a_name_that_is_no_persons_is_refused(name: str, run: Run, database: Database) -> None:
    assert run("operator", "add", "--", name, input=PASSWORD).exit_code == 2
    with system_scope(database) as connection:
        assert not operators.exist(connection)


def test_a_second_operator_of_the_same_name_is_refused(run: Run, database: Database) -> None:
    run("operator", "add", "ruth", input=PASSWORD)
    with system_scope(database) as connection:
        before = operators.find(connection, "ruth")

    assert run("operator", "add", "ruth", input="another long password").exit_code == 2
    with system_scope(database) as connection:
        assert operators.find(connection, "ruth") == before


def test_adding_the_first_operator_ends_the_sessions_of_the_shared_password(run: Run, database: Database) -> None:
    begin(database, None)
    assert open_sessions(database) == ["operator"]

    run("operator", "add", "ruth", input=PASSWORD)
    run("operator", "remove", "ruth")

    assert open_sessions(database) == []


@pytest.mark.parametrize("command", ["remove", "set-password"])
def test_the_sessions_of_the_operator_end(command: str, run: Run, database: Database) -> None:
    for name in ("ruth", "amos"):
        run("operator", "add", name, input=PASSWORD)
        begin(database, name)

    assert run("operator", command, "ruth", input="another long password").exit_code == 0

    assert open_sessions(database) == ["amos"]


@pytest.mark.parametrize("command", ["remove", "set-password"])
def test_an_unknown_operator_is_reported_in_one_line(command: str, run: Run, database: Database) -> None:
    refused = run("operator", command, "nobody", input=PASSWORD)

    assert refused.exit_code == 2
    assert "There is no operator nobody." in refused.stderr


def test_sessions_are_listed_and_ended(run: Run, database: Database) -> None:
    for name in ("ruth", "amos"):
        run("operator", "add", name, input=PASSWORD)
        begin(database, name)
    begin(database, "ruth", number=1)

    listed = run("operator", "sessions").stdout.splitlines()[1:]
    assert [line.split()[1] for line in listed] == ["amos", "ruth", "ruth"]
    assert "192.0.2.1" in listed[0]
    assert len(run("operator", "sessions", "ruth").stdout.splitlines()) == 3

    assert run("operator", "end-session", listed[1].split()[0]).stdout == "Sessions ended: 1.\n"
    assert open_sessions(database) == ["amos", "ruth"]
    assert run("operator", "end-session", listed[1].split()[0]).exit_code == 2
    assert run("operator", "end-session").exit_code == 2
    assert run("operator", "end-session", "--all").stdout == "Sessions ended: 2.\n"
    assert open_sessions(database) == []
