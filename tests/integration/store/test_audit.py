"""The audit: entries are added with the change they describe, and never changed."""

from __future__ import annotations

from uuid import uuid4

import pytest

from store import audit
from store.audit import Actor
from store.database import church_scope, system_scope
from tests.integration.store.ledger import Ledger

RUTH = Actor(kind="operator", name="ruth")


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
