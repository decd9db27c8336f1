"""Limits are enforced exactly at expansion: contacts and regions may have changed since the message was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from messaging.addresses import AddressKind
from store import church_limits, contacts, daily_limits, message_expansion, messages
from store.contacts import Person
from store.daily_limits import Need
from store.database import system_scope
from store.message_expansion import Expansion
from store.messages import NewMessage
from tests.integration.store.ledger import Ledger, numbers, together

US = "+12025550100"
JAMAICA, PUERTO_RICO, PREMIUM, SATELLITE = "+18765550123", "+17875550123", "+19005550123", "+881612345678"
COUNTED = "SELECT segments FROM daily_segments ORDER BY day"
REASONS = "SELECT address, status::text, reason FROM deliveries ORDER BY address"


def add_contacts(ledger: Ledger, church_id: UUID, phones: Sequence[str]) -> None:
    with system_scope(ledger.database) as connection:
        contacts.add(connection, church_id=church_id, people=[Person(name=phone, phone=phone) for phone in phones])


def accept(ledger: Ledger, church_id: UUID, *, segments: int = 1, limit: int = 10) -> UUID:
    """Inserts a message to all, with a reservation like the API."""
    with system_scope(ledger.database) as connection:
        need = daily_limits.measure(
            connection,
            church_id=church_id,
            target_type="all",
            target={},
            segments_each=segments,
            default_limit=limit,
        )
        return messages.insert(connection, to_all(church_id, segments=segments, need=need))[0].message_id


def to_all(church_id: UUID, *, segments: int = 1, need: Need | None = None) -> NewMessage:
    return NewMessage(
        church_id=church_id,
        channel="sms",
        content="Amen",
        segments=segments,
        target_type="all",
        target={},
        idempotency_key=None,
        request_hash=b"hash",
        request_id="r-1",
        send_at=None,
        need=need,
    )


def uncounted(ledger: Ledger, church_id: UUID) -> UUID:
    """Inserts a message without a reservation, as the run of a schedule or an older release does."""
    with system_scope(ledger.database) as connection:
        return messages.insert(connection, to_all(church_id))[0].message_id


def expand(ledger: Ledger, message: UUID, *, limit: int = 10, regions: Sequence[str] = ("US",)) -> Expansion:
    with system_scope(ledger.database) as connection:
        expansions = message_expansion.expand(
            connection,
            message_ids=[message],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
            segment_weight=1,
            default_limit=limit,
            default_regions=regions,
        )
    return expansions.get(message, Expansion(written=0, beyond_limit=0))


def statuses(ledger: Ledger, message: UUID) -> dict[tuple[str, str | None], int]:
    rows = ledger.query(
        "SELECT status::text, reason, count(*) FROM deliveries WHERE message_id = %(id)s GROUP BY 1, 2", id=message
    )
    return {(status, reason): count for status, reason, count in rows}


# --- daily limit ------------------------------------------------------------------------------------------------------


def test_contacts_added_since_acceptance_are_counted_too_within_the_limit(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(4))
    message = accept(ledger, church_id)
    assert ledger.query(COUNTED) == [(4,)]
    add_contacts(ledger, church_id, numbers(3, first=4))

    assert expand(ledger, message) == Expansion(written=7, beyond_limit=0)

    assert ledger.query(COUNTED) == [(7,)]


def test_deliveries_beyond_the_limit_fail_and_the_reserved_ones_are_queued(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(5))
    message = accept(ledger, church_id, segments=2)
    add_contacts(ledger, church_id, numbers(3, first=5))

    assert expand(ledger, message) == Expansion(written=8, beyond_limit=3)

    assert statuses(ledger, message) == {("queued", None): 5, ("failed", "daily limit"): 3}
    assert ledger.query(COUNTED) == [(10,)]
    queued = ledger.query("SELECT address FROM deliveries WHERE status = 'queued' ORDER BY address")
    assert queued == [(number,) for number in numbers(5)], "the contacts that existed when it was accepted"


def test_segments_of_suppressed_deliveries_are_returned_to_the_limit(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, [*numbers(4), JAMAICA])
    message = accept(ledger, church_id)
    ledger.opt_out(church_id, numbers(1)[0])
    assert ledger.query(COUNTED) == [(5,)]

    expand(ledger, message)

    assert ledger.query(COUNTED) == [(3,)]


def test_a_message_without_a_reservation_takes_what_is_left(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(6))
    expand(ledger, accept(ledger, church_id))
    run = uncounted(ledger, church_id)

    assert expand(ledger, run) == Expansion(written=6, beyond_limit=2)

    assert statuses(ledger, run) == {("queued", None): 4, ("failed", "daily limit"): 2}
    assert ledger.query(COUNTED) == [(10,)]


def test_a_message_does_not_take_what_others_have_reserved(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(6))
    reserved, run = accept(ledger, church_id), uncounted(ledger, church_id)

    assert expand(ledger, run).beyond_limit == 2
    assert expand(ledger, reserved).beyond_limit == 0


def test_a_lowered_limit_applies_to_messages_that_are_not_expanded(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(3))
    message = accept(ledger, church_id)
    with system_scope(ledger.database) as connection:
        church_limits.set_daily_limit(connection, church_id=church_id, daily_limit=0)

    assert expand(ledger, message).beyond_limit == 3

    assert ledger.query(COUNTED) == [(0,)]
    assert ledger.complete(church_id) == 1


def test_concurrent_expansions_stay_within_the_limit_together(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(3))
    runs = [uncounted(ledger, church_id) for _ in range(6)]

    together(6, lambda number: expand(ledger, runs[number]))

    assert ledger.query("SELECT status::text, count(*) FROM deliveries GROUP BY 1 ORDER BY 1") == [
        ("failed", 8),
        ("queued", 10),
    ]
    assert ledger.query(COUNTED) == [(10,)]


def test_concurrent_expansions_of_one_message_count_once(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, numbers(3))
    message = accept(ledger, church_id)

    together(4, lambda _: expand(ledger, message))

    assert ledger.query(COUNTED) == [(3,)]


# --- regions ----------------------------------------------------------------------------------------------------------


def test_contacts_of_other_regions_are_suppressed_with_the_reason(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, [US, JAMAICA, PUERTO_RICO])

    expand(ledger, accept(ledger, church_id))

    assert ledger.query(REASONS) == [
        (US, "queued", None),
        (PUERTO_RICO, "suppressed", "region not allowed"),
        (JAMAICA, "suppressed", "region not allowed"),
    ]


def test_the_churchs_regions_replace_the_default_regions(ledger: Ledger) -> None:
    church_id = ledger.church()
    add_contacts(ledger, church_id, [US, JAMAICA])
    with system_scope(ledger.database) as connection:
        church_limits.set_regions(connection, church_id=church_id, regions=["JM"])

    expand(ledger, accept(ledger, church_id))

    assert ledger.query(REASONS) == [(US, "suppressed", "region not allowed"), (JAMAICA, "queued", None)]


@pytest.mark.parametrize("swept", [False, True], ids=["by the expansion", "by the sweep"])
def test_contacts_without_a_region_are_located_before_they_are_texted(ledger: Ledger, swept: bool) -> None:
    church_id = ledger.church()
    ledger.query(
        "INSERT INTO contacts (church_id, name, phone) SELECT %(church_id)s, phone, phone "
        "FROM unnest(%(phones)s::text[]) AS listed (phone)",
        church_id=church_id,
        phones=[US, JAMAICA, PREMIUM, SATELLITE],
    )
    if swept:
        with system_scope(ledger.database) as connection:
            contacts.locate_numbers(connection, dict(contacts.lock_unlocated(connection, limit=10)))

    expand(ledger, accept(ledger, church_id))

    assert ledger.query(REASONS) == [
        (US, "queued", None),
        (JAMAICA, "suppressed", "region not allowed"),
        (PREMIUM, "suppressed", "number is never texted"),
        (SATELLITE, "suppressed", "number is never texted"),
    ]
    with system_scope(ledger.database) as connection:
        assert contacts.lock_unlocated(connection, limit=10) == []


@pytest.mark.parametrize("has_regions", [False, True], ids=["older release", "present release"])
def test_regions_apply_to_listed_numbers_too(ledger: Ledger, has_regions: bool) -> None:
    """Also to messages and schedules of an older release, which stored no regions with their numbers."""
    church_id = ledger.church()
    target = {"phoneNumbers": [US, JAMAICA, PREMIUM]} | ({"numberRegions": ["US", "JM", ""]} if has_regions else {})
    message = ledger.compose(church_id, target)

    expand(ledger, message.message_id)

    assert ledger.query(REASONS) == [
        (US, "queued", None),
        (JAMAICA, "suppressed", "region not allowed"),
        (PREMIUM, "suppressed", "number is never texted"),
    ]
