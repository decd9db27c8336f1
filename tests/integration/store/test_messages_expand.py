"""Expansion writes a delivery for every recipient of a target, once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from messaging.addresses import AddressKind
from messaging.states import Status, SuppressionReason
from store import contacts, message_expansion, opt_outs, sql
from store.contacts import Person
from store.database import church_scope, system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, together

ANN, BEN, CAT, DAN = numbers(4)


def add(ledger: Ledger, church_id: UUID, *people: tuple[str, str]) -> list[UUID]:
    with church_scope(ledger.database, church_id) as connection:
        listed = [Person(name=name, phone=phone) for name, phone in people]
        return [added.contact_id for added in contacts.add(connection, church_id=church_id, people=listed)]


def count_deliveries(ledger: Ledger, message: Message) -> Counter[tuple[str | None, str, str | None]]:
    """Returns the number of deliveries by address, status and reason."""
    rows = ledger.query(
        "SELECT address, status, reason FROM deliveries WHERE message_id = %(id)s", id=message.message_id
    )
    return Counter((address, status, reason) for address, status, reason in rows)


def test_a_message_to_all_is_for_every_contact_of_its_church_only(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    add(ledger, church_id, ("Ann", ANN), ("Ben", BEN))
    add(ledger, other, ("Cat", CAT))
    message = ledger.compose(church_id)

    assert ledger.expand(church_id, message) == 2

    assert count_deliveries(ledger, message) == {(ANN, "queued", None): 1, (BEN, "queued", None): 1}


def test_a_message_to_numbers_is_queued_once_for_each_number(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": [ANN, BEN, ANN, ANN]})

    assert ledger.expand(church_id, message) == 4

    assert count_deliveries(ledger, message) == {
        (ANN, "queued", None): 1,
        (ANN, "suppressed", "duplicate"): 2,
        (BEN, "queued", None): 1,
    }


def test_contacts_with_the_same_phone_get_one_text(ledger: Ledger) -> None:
    church_id = ledger.church()
    add(ledger, church_id, ("Ann", ANN), ("Ben", ANN), ("Cat", CAT))
    message = ledger.compose(church_id)

    assert ledger.expand(church_id, message) == 3

    assert count_deliveries(ledger, message)[ANN, "suppressed", "duplicate"] == 1
    assert ledger.counts(message) == {Status.QUEUED: 2, Status.SUPPRESSED: 1}


def test_missing_foreign_and_repeated_contacts_are_suppressed_with_the_reason(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    ann, ben = add(ledger, church_id, ("Ann", ANN), ("Ben", BEN))
    [foreign] = add(ledger, other, ("Cat", CAT))
    message = ledger.compose(church_id, {"contactIds": [ann, ben, foreign, uuid4(), ann]})

    assert ledger.expand(church_id, message) == 5

    assert count_deliveries(ledger, message) == {
        (ANN, "queued", None): 1,
        (ANN, "suppressed", "duplicate"): 1,
        (BEN, "queued", None): 1,
        (None, "suppressed", "no address"): 2,
    }


@pytest.mark.parametrize("kind", ["all", "contacts", "numbers"])
def test_only_opt_outs_of_the_same_church_suppress_deliveries(kind: str, ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    ids = add(ledger, church_id, ("Ann", ANN), ("Ben", BEN))
    ledger.opt_out(church_id, ANN)
    ledger.opt_out(other, BEN)
    targets: dict[str, dict[str, Sequence[str | UUID]]] = {
        "all": {},
        "contacts": {"contactIds": ids},
        "numbers": {"phoneNumbers": [ANN, BEN]},
    }
    message = ledger.compose(church_id, targets[kind])

    ledger.expand(church_id, message)

    assert count_deliveries(ledger, message) == {(ANN, "suppressed", "opted out"): 1, (BEN, "queued", None): 1}


def test_a_contact_without_a_phone_is_suppressed_with_the_reason(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.query("INSERT INTO contacts (church_id, name) VALUES (%(church_id)s, 'Ann')", church_id=church_id)
    message = ledger.compose(church_id)

    assert ledger.expand(church_id, message) == 1

    assert count_deliveries(ledger, message) == {(None, "suppressed", "no address"): 1}


def test_the_suppression_reasons_are_those_that_the_query_stores(ledger: Ledger) -> None:
    church_id = ledger.church()
    premium, jamaica = "+19005550123", "+18765550123"
    ids = add(ledger, church_id, *[(phone, phone) for phone in (ANN, BEN, CAT, premium, jamaica)])
    ledger.opt_out(church_id, ANN)
    with church_scope(ledger.database, church_id) as connection:
        opt_outs.opt_out(connection, church_id=church_id, address=BEN, source="bounce")
    message = ledger.compose(church_id, {"contactIds": [*ids, ids[2], uuid4()]})
    with church_scope(ledger.database, church_id) as connection:
        message_expansion.expand(
            connection,
            message_ids=[message.message_id],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
            default_regions=["US"],
        )

    stored = {reason for _, status, reason in count_deliveries(ledger, message) if status == "suppressed"}
    [cases] = re.findall(
        r"recipients AS \(.*?END AS reason", sql.load("message_expansion")["expand_messages"], re.DOTALL
    )
    assert stored == set(SuppressionReason) - {SuppressionReason.ERASED} == set(re.findall(r"THEN '([^']+)'", cases))


@pytest.mark.parametrize("target", [{}, {"contactIds": []}, {"phoneNumbers": []}])
def test_a_message_without_recipients_is_completed(target: dict[str, list[str]], ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, target)

    assert ledger.expand(church_id, message) == 0

    assert ledger.complete() == 1


def test_a_message_is_expanded_once(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": [ANN, BEN]})

    assert [ledger.expand(church_id, message) for _ in range(2)] == [2, 0]

    assert ledger.counts(message) == {Status.QUEUED: 2}


def test_concurrent_expansions_of_one_message_write_it_once(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": numbers(500)})

    written = together(8, lambda _: ledger.expand(church_id, message))

    assert sorted(written) == [0] * 7 + [500]
    assert ledger.counts(message) == {Status.QUEUED: 500}


def test_a_message_that_is_not_due_is_not_expanded(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": [ANN]}, send_at=datetime.now(UTC) + timedelta(minutes=1))

    assert ledger.expand(church_id, message) == 0

    assert ledger.counts(message) == {}
    assert ledger.query("SELECT expanded_at FROM messages") == [(None,)]


def test_a_message_of_another_church_is_not_expanded(ledger: Ledger) -> None:
    church_id = ledger.church()
    message = ledger.compose(church_id, {"phoneNumbers": [ANN]})

    assert ledger.expand(ledger.church(), message) == 0
    assert ledger.counts(message) == {}


def test_the_message_that_has_been_due_longest_is_expanded_next(ledger: Ledger) -> None:
    church_id, now = ledger.church(), datetime.now(UTC)
    young = ledger.compose(church_id, send_at=now - timedelta(minutes=1))
    old = ledger.compose(church_id, send_at=now - timedelta(minutes=2))
    ledger.compose(church_id, send_at=now + timedelta(minutes=1))
    ledger.expand(church_id, ledger.compose(church_id))

    with system_scope(ledger.database) as connection, system_scope(ledger.database) as other:
        [first] = message_expansion.lock_due(connection, channel="sms", limit=1)
        [second] = message_expansion.lock_due(other, channel="sms", limit=1)  # the first is locked
        assert [first.message_id, second.message_id] == [old.message_id, young.message_id]
        assert message_expansion.lock_due(other, channel="sms", limit=2, excluded_ids=[young.message_id]) == []
        assert message_expansion.lock_due(other, channel="mail", limit=2) == []
        assert message_expansion.channels_to_expand(other) == ["sms"]


@pytest.mark.extended
def test_one_statement_expands_a_message_to_50_000_contacts(ledger: Ledger) -> None:
    church_id = ledger.church()
    ledger.query(
        "INSERT INTO contacts (church_id, name, phone) SELECT %(church_id)s, 'Person ' || n, '+1202' || (5000000 + n) "
        "FROM generate_series(1, 50000) AS n",
        church_id=church_id,
    )
    message = ledger.compose(church_id)

    assert ledger.expand(church_id, message) == 50_000

    assert ledger.counts(message) == {Status.QUEUED: 50_000}
