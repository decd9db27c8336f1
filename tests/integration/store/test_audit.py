"""The audit: entries are added with the change they describe, and never changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg.errors import InsufficientPrivilege

from store import api_keys, audit
from store.audit import Actor
from store.database import church_scope, system_scope
from tests.integration.store.ledger import Ledger

RUTH = Actor(kind="operator", name="ruth")
AMOS = Actor(kind="operator", name="amos")


def test_entries_are_listed_newest_first_and_in_pages(ledger: Ledger) -> None:
    church_id = uuid4()
    with system_scope(ledger.database) as connection:
        for number in range(3):
            audit.record(
                connection,
                actor=RUTH,
                action="sender.resumed",
                subject="sms",
                church_id=church_id,
                details={"number": number},
            )
        newest = audit.list_events(connection, church_id=church_id, limit=2)
        rest = audit.list_events(connection, church_id=church_id, limit=2, before=newest[-1].audit_event_id)
    assert [event.details["number"] for event in newest + rest] == [2, 1, 0]
    assert {(event.actor_kind, event.actor, event.action, event.subject) for event in newest} == {
        ("operator", "ruth", "sender.resumed", "sms")
    }


def test_a_change_that_is_rolled_back_leaves_no_entry(ledger: Ledger) -> None:
    church_id = uuid4()
    with pytest.raises(ZeroDivisionError), system_scope(ledger.database) as connection:
        audit.record(connection, actor=RUTH, action="church.suspended", subject=str(church_id), church_id=church_id)
        raise ZeroDivisionError
    with church_scope(ledger.database, church_id) as connection:
        assert audit.list_events(connection, limit=10) == []


def test_a_church_sees_neither_others_entries_nor_those_of_no_church(ledger: Ledger) -> None:
    mine, theirs = uuid4(), uuid4()
    with system_scope(ledger.database) as connection:
        for church_id in (mine, theirs, None):
            audit.record(connection, actor=RUTH, action="church.suspended", subject=str(church_id), church_id=church_id)
    with church_scope(ledger.database, mine) as connection:
        assert [event.church_id for event in audit.list_events(connection, limit=10)] == [mine]


def test_entries_are_found_by_each_filter(ledger: Ledger) -> None:
    church_id, other = uuid4(), uuid4()
    with system_scope(ledger.database) as connection:
        for actor, church, subject in ((RUTH, church_id, "a"), (AMOS, church_id, "b"), (RUTH, other, "b")):
            audit.record(connection, actor=actor, action="sender.resumed", subject=subject, church_id=church)
        audit.record(connection, actor=RUTH, action="key.revoked", subject="a")

    def found(**filters: Any) -> list[tuple[str, str, str]]:
        with system_scope(ledger.database) as connection:
            events = audit.list_events(connection, limit=10, **filters)
        return [(event.actor, event.action, event.subject) for event in events]

    assert found(subject="b") == [("ruth", "sender.resumed", "b"), ("amos", "sender.resumed", "b")]
    assert found(actor="ruth", action="sender.resumed") == [
        ("ruth", "sender.resumed", "b"),
        ("ruth", "sender.resumed", "a"),
    ]
    assert found(church_id=church_id, actor="amos") == [("amos", "sender.resumed", "b")]
    assert found(church_id=other, subject="a") == []
    assert found(action="key.revoked") == [("ruth", "key.revoked", "a")]


def test_entries_are_found_by_time(ledger: Ledger) -> None:
    times: list[datetime] = []
    for number in range(3):
        with system_scope(ledger.database) as connection:
            audit.record(connection, actor=RUTH, action="sender.resumed", subject=str(number))
            times += [time for (time,) in connection.execute("SELECT now()")]

    def subjects(**bounds: Any) -> list[str]:
        with system_scope(ledger.database) as connection:
            return [event.subject for event in audit.list_events(connection, limit=10, **bounds)]

    assert subjects(since=times[1]) == ["2", "1"]
    assert subjects(until=times[1]) == ["0"]
    assert subjects(since=times[1], until=times[2]) == ["1"]
    assert subjects(since=times[2] + timedelta(days=365)) == []


def test_the_entries_of_a_key_are_found_with_its_label(ledger: Ledger) -> None:
    church_id = ledger.church()
    with system_scope(ledger.database) as connection:
        key = api_keys.add(
            connection, church_id=church_id, label="front end", secret_hash=bytes(32), scopes=["messages:write"]
        )
        by_key = Actor(kind="key", name=str(key))
        audit.record(connection, actor=by_key, action="message.paused", subject="m", church_id=church_id)
        [event] = audit.list_events(connection, actor=str(key), limit=10)

    assert (event.actor, event.actor_label) == (str(key), "front end")


def test_addresses_are_masked(ledger: Ledger) -> None:
    with system_scope(ledger.database) as connection:
        details = {"from": "+12025550123", "list": ["ruth@example.org"]}
        audit.record(connection, actor=RUTH, action="opt_out.added", subject="+12025550123", details=details)
        [event] = audit.list_events(connection, limit=1)

    assert event.subject == "+*********23"
    assert event.details == {"from": "+*********23", "list": ["r***@example.org"]}


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET actor = 'nobody'", "DELETE FROM audit_events"])
def test_no_statement_of_the_services_role_changes_or_deletes_an_entry(statement: str, ledger: Ledger) -> None:
    with system_scope(ledger.database) as connection:
        audit.record(connection, actor=RUTH, action="sender.resumed", subject="sms")

    with system_scope(ledger.database) as connection:
        assert connection.execute(statement.encode()).rowcount == 0
        assert [event.actor for event in audit.list_events(connection, limit=10)] == ["ruth"]


@pytest.mark.parametrize("table", ["audit_events", "consent_events"])
def test_the_services_role_may_not_truncate_a_history(table: str, ledger: Ledger) -> None:
    with pytest.raises(InsufficientPrivilege), system_scope(ledger.database) as connection:
        connection.execute(f"TRUNCATE {table}".encode())
