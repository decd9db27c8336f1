"""Every command that changes something records it in the audit, with the user and host that ran it.

A new command needs a line here: in CHANGING, with a call that changes something, or in READING.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import click
import psycopg
import pytest
from psycopg import sql

from api.commands import COMMANDS
from api.commands.support.command_actor import command_actor
from messaging.states import Status
from store import audit, senders
from store.audit import AuditEvent
from store.database import Database, system_scope
from tests.integration.api.messages_in_progress import message_with
from tests.integration.commands.conftest import Run
from tests.integration.store.ledger import Ledger

EMAIL = "ruth@example.org"
Rows = Callable[[], dict[str, list[str]]]


@dataclass(frozen=True)
class Operator:
    """Runs commands, and creates what they need."""

    run: Run
    database: Database

    @cached_property
    def created(self) -> dict[str, str]:
        options = ("--name", "Grace", "--sms-from", "+12025550123", "--json")
        return json.loads(self.run("create-church", *options).stdout)

    @property
    def church(self) -> str:
        return self.created["churchId"]

    @property
    def opted_out_church(self) -> str:
        self.run("opt-out", "--church", self.church, "--address", EMAIL)
        return self.church

    @property
    def paused_church(self) -> str:
        with system_scope(self.database) as connection:
            senders.pause(connection, church_id=UUID(self.church), channel="sms", reason="wrong token")
        return self.church

    @property
    def church_in_doubt(self) -> str:
        message_with(Ledger(self.database), UUID(self.church), {Status.UNKNOWN: 2})
        return self.church


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call of a command that changes something, and the actions that it records."""

    arguments: Callable[[Operator], tuple[str, ...]]
    actions: set[str]
    input: str | Callable[[Operator], str] | None = None


CHANGING: dict[str, Case] = {
    "create-church": Case(
        arguments=lambda _: ("--name", "Hope", "--sms-from", "+12025550123", "--mail-from", "office@example.org"),
        actions={"church.created", "sender.set", "key.created"},
    ),
    "create-key": Case(
        arguments=lambda operator: ("--church", operator.church, "--label", "front end"), actions={"key.created"}
    ),
    "revoke-key": Case(
        arguments=lambda _: (), input=lambda operator: operator.created["apiKey"], actions={"key.revoked"}
    ),
    "set-sender": Case(
        arguments=lambda operator: ("--church", operator.church, "--channel", "mail", "--from", "a@example.org"),
        actions={"sender.set"},
    ),
    "resume-sender": Case(
        arguments=lambda operator: ("--church", operator.paused_church, "--channel", "sms"), actions={"sender.resumed"}
    ),
    "resolve-unknown": Case(
        arguments=lambda operator: (
            *("--church", operator.church_in_doubt, "--as", "sent", "--unknown-for-minutes", "0"),
        ),
        actions={"message.resolved"},
    ),
    "set-texting-hours": Case(
        arguments=lambda operator: ("--church", operator.church, "--hours", "09:00-20:00"),
        actions={"church.texting_hours_set"},
    ),
    "set-limits": Case(
        arguments=lambda operator: ("--church", operator.church, "--daily-segments", "5"), actions={"church.limits_set"}
    ),
    "opt-out": Case(
        arguments=lambda operator: ("--church", operator.church, "--address", EMAIL), actions={"opt_out.added"}
    ),
    "opt-in": Case(
        arguments=lambda operator: (
            *("--church", operator.opted_out_church, "--address", EMAIL, "--evidence", "asked again"),
        ),
        actions={"opt_out.removed"},
    ),
}
READING: dict[str, Callable[[Operator], tuple[str, ...]]] = {
    "list-keys": lambda _: (),
    "show-limits": lambda operator: ("--church", operator.church),
    "list-opt-outs": lambda operator: ("--church", operator.church),
    "audit": lambda _: (),
}
WITHOUT_DATABASE = {"check-redis"}
"""Commands that do not use the database."""
READS_STANDARD_INPUT = {"find-key"}
"""Commands that only read the database, and need input."""


def names(commands: Any = COMMANDS, prefix: str = "") -> Iterator[str]:
    """The commands, those of groups as `group command`."""
    for command in commands:
        if isinstance(command, click.Group):
            yield from names(command.commands.values(), f"{prefix}{command.name} ")
        else:
            yield f"{prefix}{command.name}"


@pytest.fixture
def operator(run: Run, database: Database) -> Operator:
    return Operator(run, database)


@pytest.fixture
def rows(superuser_database_url: str) -> Iterator[Rows]:
    """Reads every row of every table."""
    tables = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    with psycopg.connect(superuser_database_url, autocommit=True) as connection:
        found: list[str] = [name for (name,) in connection.execute(tables)]
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
        yield lambda: {
            name: [row for (row,) in connection.execute(query.format(sql.Identifier(name)))] for name in found
        }


def newest_first(database: Database) -> list[AuditEvent]:
    with system_scope(database) as connection:
        return audit.list_events(connection, limit=1000)


def test_every_command_is_known_here() -> None:
    known = [*CHANGING, *READING, *WITHOUT_DATABASE, *READS_STANDARD_INPUT]

    assert sorted(known) == sorted(names())


@pytest.mark.parametrize("name", CHANGING)
def test_a_command_that_changes_something_records_it(name: str, operator: Operator, database: Database) -> None:
    case = CHANGING[name]
    arguments = case.arguments(operator)
    given = case.input(operator) if callable(case.input) else case.input
    before = len(newest_first(database))

    result = operator.run(*name.split(), *arguments, input=given)

    assert result.exit_code == 0, result.output
    events = newest_first(database)
    added = events[: len(events) - before]
    assert {event.action for event in added} == case.actions
    assert {(event.actor_kind, event.actor) for event in added} == {("command", command_actor().name)}
    assert not any(address in str(added) for address in (EMAIL, "+12025550123", "office@example.org", "ksms_"))


@pytest.mark.parametrize("name", READING)
def test_a_command_that_reads_changes_and_records_nothing(name: str, operator: Operator, rows: Rows) -> None:
    arguments = READING[name](operator)
    before = rows()

    result = operator.run(*name.split(), *arguments)

    assert result.exit_code == 0, result.output
    assert rows() == before


@pytest.mark.parametrize(
    ("name", "again"),
    [("revoke-key", "was already revoked"), ("resume-sender", "nothing to resume"), ("opt-out", "already opted out")],
)
def test_a_command_that_changes_nothing_records_nothing(
    name: str, again: str, operator: Operator, database: Database
) -> None:
    case = CHANGING[name]
    arguments = case.arguments(operator)
    given = case.input(operator) if callable(case.input) else case.input
    operator.run(name, *arguments, input=given)
    before = newest_first(database)

    result = operator.run(name, *arguments, input=given)

    assert again in result.stdout
    assert newest_first(database) == before
