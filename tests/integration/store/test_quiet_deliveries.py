"""Deliveries wait for the texting hours of their recipients, with the reason `quiet hours`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from store import churches, contacts
from store.contacts import ContactZones, Person
from store.database import church_scope
from tests.harness.texting_hours import ANY_HOUR, ClosedNow, closed_now
from tests.integration.store.ledger import Ledger, numbers

WAITING = "SELECT address, due_at FROM deliveries WHERE status = 'queued' AND reason = 'quiet hours' ORDER BY address"


@pytest.fixture
def closed() -> ClosedNow:
    return closed_now()


@pytest.fixture
def church_id(ledger: Ledger, closed: ClosedNow) -> UUID:
    """A church in UTC whose texting hours are closed now."""
    return ledger.church(time_zone="UTC", window=closed.window)


def add_people(ledger: Ledger, church_id: UUID, *, count: int, **zones: Any) -> list[UUID]:
    people = [Person(name=f"Person {phone}", phone=phone) for phone in numbers(count)]
    with church_scope(ledger.database, church_id) as connection:
        ids = [added.contact_id for added in contacts.add(connection, church_id=church_id, people=people)]
        where = ContactZones(**{"time_zone": None, "number_zones": ""} | zones)
        contacts.set_zones(connection, church_id=church_id, where=dict.fromkeys(ids, where))
    return ids


def test_deliveries_outside_the_texting_hours_are_due_when_they_begin(
    ledger: Ledger, church_id: UUID, closed: ClosedNow
) -> None:
    ledger.send(church_id, numbers(2))

    assert ledger.query(WAITING) == [(phone, closed.opens_at) for phone in numbers(2)]
    assert ledger.claim(church_id).taken == 0
    assert ledger.due_churches() == []


@pytest.mark.parametrize("source", ["time_zone", "number_zones"])
def test_the_zone_of_the_contact_or_of_the_number_replaces_the_churchs(
    source: str, ledger: Ledger, church_id: UUID, closed: ClosedNow
) -> None:
    add_people(ledger, church_id, count=3, **{source: closed.open_zone})
    message = ledger.compose(church_id)

    ledger.expand(church_id, message)

    assert ledger.query("SELECT DISTINCT time_zones, reason FROM deliveries") == [(closed.open_zone, None)]
    assert ledger.claim(church_id).taken == 3


def test_the_zone_of_the_contact_outranks_that_of_the_number(
    ledger: Ledger, church_id: UUID, closed: ClosedNow
) -> None:
    add_people(ledger, church_id, count=1, time_zone="UTC", number_zones=closed.open_zone)

    ledger.expand(church_id, ledger.compose(church_id))

    assert ledger.claim(church_id).taken == 0


def test_the_hours_must_be_open_in_all_zones_of_a_number(ledger: Ledger, church_id: UUID, closed: ClosedNow) -> None:
    ids = add_people(ledger, church_id, count=1, number_zones=f"{closed.open_zone} UTC")
    now = datetime.now(UTC)

    ledger.expand(church_id, ledger.compose(church_id, {"contactIds": ids}))

    assert ledger.claim(church_id).taken == 0
    [(_, due_at)] = ledger.query(WAITING)
    assert due_at > now


def test_listed_numbers_use_the_zones_of_the_target(ledger: Ledger, church_id: UUID, closed: ClosedNow) -> None:
    open_number, closed_number, unlocated = numbers(3)
    target = {"phoneNumbers": [open_number, closed_number, unlocated], "numberZones": [closed.open_zone, "UTC", ""]}

    ledger.expand(church_id, ledger.compose(church_id, target))

    assert [envelope.address for envelope in ledger.claim(church_id).envelopes] == [open_number]


def test_an_urgent_message_ignores_quiet_hours(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.compose(church_id, {"phoneNumbers": numbers(2)})
    ledger.query("UPDATE messages SET urgent_reason = 'storm'")
    ledger.expand(church_id, message)

    assert ledger.claim(church_id).taken == 2


def test_a_channel_without_quiet_hours_does_not_wait(ledger: Ledger, church_id: UUID) -> None:
    add_people(ledger, church_id, count=2, time_zone="UTC")

    ledger.expand(church_id, ledger.compose(church_id), keeps_quiet_hours=False)

    assert ledger.query("SELECT DISTINCT time_zones, reason, due_at <= now() FROM deliveries") == [(None, None, True)]
    assert len(ledger.claim(church_id, keeps_quiet_hours=False).envelopes) == 2


def test_a_recipient_who_opted_out_is_suppressed_in_quiet_hours_too(ledger: Ledger, church_id: UUID) -> None:
    message = ledger.send(church_id, numbers(1))
    ledger.query("UPDATE deliveries SET due_at = now()")
    ledger.opt_out(church_id, numbers(1)[0])

    ledger.claim(church_id)

    assert {status.value for status in ledger.counts(message)} == {"suppressed"}


def test_changed_hours_apply_at_the_next_claim(ledger: Ledger, church_id: UUID) -> None:
    ledger.send(church_id, numbers(2))
    assert ledger.claim(church_id).taken == 0
    with church_scope(ledger.database, church_id) as connection:
        churches.set_window(connection, church_id=church_id, window=ANY_HOUR)

    assert len(ledger.claim(church_id).envelopes) == 2
    assert ledger.query("SELECT DISTINCT reason FROM deliveries") == [(None,)]


def test_a_late_expansion_uses_the_present_time(ledger: Ledger, church_id: UUID, closed: ClosedNow) -> None:
    message = ledger.compose(church_id, {"phoneNumbers": numbers(1)}, send_at=datetime.now(UTC) - timedelta(days=1))

    ledger.expand(church_id, message)

    assert ledger.query(WAITING) == [(numbers(1)[0], closed.opens_at)]


def test_stored_numbers_without_zones_are_located(ledger: Ledger, church_id: UUID) -> None:
    with church_scope(ledger.database, church_id) as connection:
        people = [
            Person(name="Ann", phone="+18085550123"),
            Person(name="Ben", phone="+12025550123"),
            Person(name="Cora", email="cora@example.org"),
        ]
        contacts.add(connection, church_id=church_id, people=people)
        found = contacts.lock_unlocated(connection, limit=10)
        contacts.locate_numbers(connection, dict(found))

        assert len(found) == 2
        assert contacts.lock_unlocated(connection, limit=10) == []
    assert ledger.query("SELECT number_zones FROM contacts WHERE name = 'Ann'") == [("Pacific/Honolulu",)]
