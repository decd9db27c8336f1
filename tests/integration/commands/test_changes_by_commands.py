"""Every command that changes something records it in the audit, with the user and host that ran it.

A new command needs a line here: in CHANGING, with a call that changes something, or in READING.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import psycopg
import pytest
from psycopg import sql

from api.commands import COMMANDS
from api.commands.support.command_actor import command_actor
from api.commands.support.lazy_command import LazyCommand
from messaging.states import Status
from store import audit, operator_sessions, operators, senders
from store.audit import AuditEvent
from store.database import Database, system_scope
from tests.integration.api.messages_in_progress import message_with
from tests.integration.commands.conftest import Run
from tests.integration.store.ledger import Ledger

EMAIL = "ruth@example.org"
MEMBERS = str(Path(__file__).parents[3] / "docs" / "members.csv")
PASSWORD = "a long password of a person"
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
    def suspended_church(self) -> str:
        self.run("church", "suspend", self.church, "--reason", "unpaid")
        return self.church

    @property
    def silenced_kind(self) -> str:
        """A kind of alert that is not told."""
        self.run("alerts", "silence", "redis-down", "--reason", "maintenance")
        return "redis-down"

    @cached_property
    def message(self) -> str:
        return str(message_with(Ledger(self.database), UUID(self.church), {Status.SENT: 1}).message_id)

    @property
    def delivery(self) -> str:
        """The id of a delivery of that message."""
        [(delivery_id,)] = Ledger(self.database).query(
            "SELECT delivery_id FROM deliveries WHERE message_id = %(id)s", id=self.message
        )
        return str(delivery_id)

    @cached_property
    def ruth(self) -> str:
        """An operator's name."""
        assert self.run("operator", "add", "ruth", input=PASSWORD).exit_code == 0
        return "ruth"

    @property
    def session(self) -> str:
        """The id of a session of that operator."""
        with system_scope(self.database) as connection:
            found = operators.find(connection, self.ruth)
            assert found is not None
            operator_sessions.begin(
                connection,
                bytes(32),
                operator_id=found.operator_id,
                login_address="192.0.2.1",
                lifetime_seconds=3600,
            )
            [session] = operator_sessions.list_sessions(connection)
        return str(session.session_id)

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
    "set-replies": Case(
        arguments=lambda operator: ("--church", operator.church, "--answer", "all", "--opt-out", "Goodbye."),
        actions={"church.replies_set"},
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
    "set-link-domain": Case(
        arguments=lambda operator: ("--church", operator.church, "--domain", "grace.example", "--shorten"),
        actions={"church.links_set"},
    ),
    "set-texting-hours": Case(
        arguments=lambda operator: ("--church", operator.church, "--hours", "09:00-20:00"),
        actions={"church.texting_hours_set"},
    ),
    "set-limits": Case(
        arguments=lambda operator: ("--church", operator.church, "--daily-segments", "5"), actions={"church.limits_set"}
    ),
    "import-contacts": Case(
        arguments=lambda operator: (MEMBERS, "--church", operator.church, "--start"),
        actions={"import.created", "import.started"},
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
    "set-quota": Case(
        arguments=lambda operator: ("--church", operator.church, "--monthly-segments", "20000"),
        actions={"quota.changed"},
    ),
    "set-price": Case(
        arguments=lambda operator: (
            *("--church", operator.church, "--channel", "sms", "--per-segment", "0.0079", "--currency", "USD"),
        ),
        actions={"price.changed"},
    ),
    "church suspend": Case(
        arguments=lambda operator: (operator.church, "--reason", "unpaid"), actions={"church.suspended"}
    ),
    "church resume": Case(arguments=lambda operator: (operator.suspended_church,), actions={"church.resumed"}),
    "person export": Case(arguments=lambda operator: ("--church", operator.church, EMAIL), actions={"person.exported"}),
    "person erase": Case(arguments=lambda operator: ("--church", operator.church, EMAIL), actions={"person.erased"}),
    "alerts silence": Case(arguments=lambda _: ("redis-down", "--reason", "maintenance"), actions={"alerts.silenced"}),
    "alerts unsilence": Case(arguments=lambda operator: (operator.silenced_kind,), actions={"alerts.unsilenced"}),
    "operator add": Case(arguments=lambda _: ("amos",), input=PASSWORD, actions={"operator.added"}),
    "operator remove": Case(arguments=lambda operator: (operator.ruth,), actions={"operator.removed"}),
    "operator set-password": Case(
        arguments=lambda operator: (operator.ruth,), input=PASSWORD, actions={"operator.password_set"}
    ),
    "operator end-session": Case(arguments=lambda operator: (operator.session,), actions={"operator.session_ended"}),
}
READING: dict[str, Callable[[Operator], tuple[str, ...]]] = {
    "list-keys": lambda _: (),
    "list-groups": lambda operator: ("--church", operator.church),
    "list-imports": lambda operator: ("--church", operator.church),
    "show-limits": lambda operator: ("--church", operator.church),
    "show-conversation": lambda operator: ("--church", operator.church, "--address", "+12025550123"),
    "list-opt-outs": lambda operator: ("--church", operator.church),
    "show-quota": lambda operator: ("--church", operator.church),
    "show-prices": lambda operator: ("--church", operator.church),
    "usage": lambda _: ("--month", "2026-11"),
    "church list": lambda _: (),
    "church show": lambda operator: (operator.church,),
    "message show": lambda operator: (operator.message,),
    "delivery show": lambda operator: (operator.delivery,),
    "alerts": lambda _: (),
    "audit": lambda _: (),
    "operator list": lambda _: (),
    "operator sessions": lambda operator: (operator.ruth,),
}
OTHERS = {
    "check-redis": "test_check_redis.py",
    "check-database": "test_check_database.py",
    "check-carrier": "test_check_carrier.py",
    "doctor": "test_doctor.py",
    "queues": "test_queues_command.py",
    "failed": "test_failed_command.py",
    "requeue": "test_requeue_command.py",
}
"""Commands that need Redis or other servers, with the file of their tests. Only `requeue` changes anything."""
READS_STANDARD_INPUT = {"find-key"}
"""Commands that only read the database, and need input."""


def names(commands: Any = COMMANDS, prefix: str = "") -> Iterator[str]:
    """The commands, those of groups as `group command`."""
    for each in commands:
        command = each.load() if isinstance(each, LazyCommand) else each
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{prefix}{command.name}"
            yield from names(command.commands.values(), f"{prefix}{command.name} ")
        else:
            yield f"{prefix}{command.name}"


@pytest.fixture
def operator(run: Run, database: Database) -> Operator:
    return Operator(run, database)


@pytest.fixture
def rows(superuser_database_url: str) -> Iterator[Rows]:
    """Reads every row of every table, except what the web process of the test measures in the background."""
    tables = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' "
        "AND table_name NOT IN ('metric_changes', 'metric_totals')"
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
    known = [*CHANGING, *READING, *OTHERS, *READS_STANDARD_INPUT]

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
    assert not any(
        address in str(added) for address in (EMAIL, "+12025550123", "office@example.org", "ksms_", PASSWORD, "argon2")
    )


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
