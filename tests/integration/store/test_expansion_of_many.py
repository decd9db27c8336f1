"""Many messages are expanded in one call, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from messaging.addresses import AddressKind
from messaging.quiet_hours import Window
from messaging.states import Status
from store import church_limits, contacts, message_expansion
from store.contacts import Person
from store.database import system_scope
from store.message_expansion import SMALL_SIZE, DueExpansion, Expansion
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers, together

ANN, BEN, CAT = numbers(3)
JAMAICA = "+18765550123"
CLOSED = Window(opens=0, closes=1)


def expand(
    ledger: Ledger, messages: Sequence[Message], *, limit: int | None = None, regions: Sequence[str] = ("US",)
) -> list[Expansion]:
    with system_scope(ledger.database) as connection:
        expansions = message_expansion.expand(
            connection,
            message_ids=[message.message_id for message in messages],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=True,
            segment_weight=1,
            default_limit=limit,
            default_regions=regions,
        )
    return [expansions[message.message_id] for message in messages]


def lock_due(ledger: Ledger, *, limit: int = 50) -> list[DueExpansion]:
    with system_scope(ledger.database) as connection:
        return message_expansion.lock_due(connection, channel="sms", limit=limit)


def deliveries(ledger: Ledger, message: Message) -> list[tuple[str, str, str | None]]:
    """Returns (address, status, reason) of the message's deliveries."""
    return [
        (address, status, reason)
        for address, status, reason in ledger.query(
            "SELECT address, status::text, reason FROM deliveries WHERE message_id = %(id)s ORDER BY address, status",
            id=message.message_id,
        )
    ]


def add_contacts(ledger: Ledger, church_id: UUID, phones: Sequence[str]) -> list[UUID]:
    with system_scope(ledger.database) as connection:
        people = [Person(name=phone, phone=phone) for phone in phones]
        return [added.contact_id for added in contacts.add(connection, church_id=church_id, people=people)]


def test_each_message_gets_the_deliveries_of_its_own_church(ledger: Ledger) -> None:
    first, second = ledger.church(), ledger.church()
    [ann] = add_contacts(ledger, first, [ANN])
    add_contacts(ledger, second, [BEN, CAT])
    messages = [
        ledger.compose(first),
        ledger.compose(first, {"contactIds": [ann, uuid4()]}),
        ledger.compose(first, {"phoneNumbers": [ANN, BEN, BEN]}),
        ledger.compose(second),
        ledger.compose(second, {"phoneNumbers": []}),
    ]

    assert [each.written for each in expand(ledger, messages)] == [1, 2, 3, 2, 0]

    assert [deliveries(ledger, message) for message in messages] == [
        [(ANN, "queued", None)],
        [(ANN, "queued", None), (None, "suppressed", "no address")],
        [(ANN, "queued", None), (BEN, "queued", None), (BEN, "suppressed", "duplicate")],
        [(BEN, "queued", None), (CAT, "queued", None)],
        [],
    ]
    churches = ledger.query("SELECT DISTINCT message_id, church_id FROM deliveries ORDER BY message_id")
    assert churches == [*((message.message_id, first) for message in messages[:3]), (messages[3].message_id, second)]


def test_each_message_keeps_the_rules_of_its_own_church(ledger: Ledger) -> None:
    strict, lax = ledger.church(window=CLOSED), ledger.church()
    ledger.opt_out(strict, ANN)
    with system_scope(ledger.database) as connection:
        church_limits.set_regions(connection, church_id=lax, regions=["US", "JM"])
    target = {"phoneNumbers": [ANN, BEN, JAMAICA]}
    messages = [ledger.compose(strict, target), ledger.compose(lax, target)]
    ledger.query("UPDATE messages SET paused_at = now() WHERE church_id = %(id)s", id=lax)

    expand(ledger, messages)

    assert deliveries(ledger, messages[0]) == [
        (ANN, "suppressed", "opted out"),
        (BEN, "queued", "quiet hours"),
        (JAMAICA, "suppressed", "region not allowed"),
    ]
    assert deliveries(ledger, messages[1]) == [(phone, "queued", None) for phone in (ANN, BEN, JAMAICA)]
    paused = "SELECT DISTINCT church_id FROM deliveries WHERE due_at = 'infinity'"
    assert ledger.query(paused) == [(lax,)]


def test_messages_of_one_church_stay_within_its_daily_limit_together(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    messages = [
        *[ledger.compose(church_id, {"phoneNumbers": numbers(4)}) for _ in range(3)],
        ledger.compose(other, {"phoneNumbers": numbers(9)}),
    ]

    beyond = [each.beyond_limit for each in expand(ledger, messages, limit=10)]

    assert (sum(beyond[:3]), beyond[3]) == (2, 0)
    assert sorted(ledger.query("SELECT segments FROM daily_segments")) == [(9,), (10,)]
    assert sum(ledger.counts(message)[Status.QUEUED] for message in messages[:3]) == 10
    counted = ledger.query("SELECT counted_segments FROM messages ORDER BY message_id")
    assert [segments for (segments,) in counted] == [4 - each for each in beyond[:3]] + [9]


def test_a_message_that_fails_leaves_the_others_as_they_were(ledger: Ledger) -> None:
    church_id = ledger.church()
    good, bad = ledger.compose(church_id, {"phoneNumbers": [ANN]}), ledger.compose(church_id, {"contactIds": ["no id"]})

    with pytest.raises(Exception, match="uuid"):
        expand(ledger, [good, bad])

    assert (deliveries(ledger, good), ledger.query("SELECT * FROM daily_segments")) == ([], [])
    assert [each.written for each in expand(ledger, [good])] == [1]


def test_numbers_of_an_older_release_are_located_for_each_message(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    ledger.query(
        "INSERT INTO contacts (church_id, name, phone) VALUES (%(church_id)s, 'Ann', %(phone)s)",
        church_id=other,
        phone=JAMAICA,
    )
    messages = [
        ledger.compose(church_id, {"phoneNumbers": [ANN, JAMAICA]}),
        ledger.compose(church_id, {"phoneNumbers": [JAMAICA, BEN]}),
        ledger.compose(other),
    ]

    expand(ledger, messages)

    foreign = (JAMAICA, "suppressed", "region not allowed")
    assert [deliveries(ledger, message) for message in messages] == [
        [(ANN, "queued", None), foreign],
        [(BEN, "queued", None), foreign],
        [foreign],
    ]


def test_a_large_message_is_alone_and_does_not_keep_small_ones_waiting(ledger: Ledger) -> None:
    church_id, crowded, now = ledger.church(), ledger.church(), datetime.now(UTC)
    crowd = add_contacts(ledger, crowded, numbers(SMALL_SIZE + 1))
    ages = iter(range(100, 0, -1))

    def compose(church_id: UUID, target: dict[str, Sequence[str | UUID]] | None = None) -> UUID:
        return ledger.compose(church_id, target, send_at=now - timedelta(seconds=next(ages))).message_id

    large = [
        compose(crowded),
        compose(crowded, {"contactIds": crowd}),
        compose(church_id, {"phoneNumbers": numbers(SMALL_SIZE + 1)}),
    ]
    small = [
        compose(church_id),
        compose(crowded, {"contactIds": crowd[:SMALL_SIZE]}),
        compose(church_id, {"phoneNumbers": numbers(SMALL_SIZE)}),
    ]

    with system_scope(ledger.database) as connection:
        [first] = message_expansion.lock_due(connection, channel="sms", limit=50)
        assert first.message_id == large[0]
        assert [each.message_id for each in lock_due(ledger)] == [large[1]]
        excluded = large[1:]
        with system_scope(ledger.database) as other:
            found = message_expansion.lock_due(other, channel="sms", limit=50, excluded_ids=excluded)
            assert [each.message_id for each in found] == small
            assert lock_due(ledger)[0].message_id == large[1], "large messages are not locked with small ones"


def test_small_messages_are_locked_together_up_to_the_limit_oldest_first(ledger: Ledger) -> None:
    church_id, now = ledger.church(), datetime.now(UTC)
    messages = [
        ledger.compose(church_id, {"phoneNumbers": [ANN]}, send_at=now - timedelta(seconds=age)).message_id
        for age in range(10, 0, -1)
    ]

    with system_scope(ledger.database) as connection:
        first = message_expansion.lock_due(connection, channel="sms", limit=4)
        assert [each.message_id for each in first] == messages[:4]
        assert [each.message_id for each in lock_due(ledger)] == messages[4:]


def test_concurrent_sets_of_messages_expand_each_message_once(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(4)]
    messages = [ledger.compose(churches[n % 4], {"phoneNumbers": numbers(3)}) for n in range(60)]

    def expand_all(_: int) -> int:
        written = 0
        while True:
            with system_scope(ledger.database) as connection:
                due = message_expansion.lock_due(connection, channel="sms", limit=7)
                if not due:
                    return written
                expansions = message_expansion.expand(
                    connection,
                    message_ids=[each.message_id for each in due],
                    address_kind=AddressKind.PHONE,
                    keeps_quiet_hours=False,
                    segment_weight=1,
                    default_limit=1000,
                )
                written += sum(each.written for each in expansions.values())

    assert sum(together(4, expand_all)) == 180
    assert {len(deliveries(ledger, message)) for message in messages} == {3}
    assert ledger.query("SELECT segments FROM daily_segments") == [(45,)] * 4
