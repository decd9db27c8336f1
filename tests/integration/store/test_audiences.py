"""The audience of a target is the same before a message is stored and when it is expanded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import pytest

from messaging.addresses import AddressKind
from store import audiences, contacts, opt_outs
from store.audiences import Audience
from store.contacts import Person
from store.database import church_scope, system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger, numbers

ANN, BEN, CAT, DAN = numbers(4)
JAMAICA, PREMIUM = "+18765550123", "+19005550123"

Target = Mapping[str, Sequence[str | UUID]]


def add(ledger: Ledger, church_id: UUID, *phones: str) -> list[UUID]:
    people = [Person(name=f"Person {number}", phone=phone) for number, phone in enumerate(phones)]
    with church_scope(ledger.database, church_id) as connection:
        return [added.contact_id for added in contacts.add(connection, church_id=church_id, people=people)]


def group(ledger: Ledger, church_id: UUID, *members: UUID) -> UUID:
    [(group_id,)] = ledger.query(
        "INSERT INTO groups (church_id, name) VALUES (%(church_id)s, %(name)s) RETURNING group_id",
        church_id=church_id,
        name=str(uuid4()),
    )
    ledger.query(
        "INSERT INTO group_members (group_id, contact_id, church_id) "
        "SELECT %(group_id)s, member, %(church_id)s FROM unnest(%(members)s::uuid[]) AS listed (member)",
        group_id=group_id,
        church_id=church_id,
        members=list(members),
    )
    return group_id


def audience(church_id: UUID, target: Target) -> Audience:
    kind = next(iter(target), "all")
    return Audience(
        church_id=church_id,
        channel="sms",
        address_kind=AddressKind.PHONE,
        target_type={"contactIds": "contacts", "phoneNumbers": "numbers", "groupIds": "groups"}.get(kind, "all"),
        target={name: [str(value) for value in values] for name, values in target.items()},
        default_regions=["US"],
    )


def written(ledger: Ledger, message: Message) -> Counter[tuple[UUID | None, str | None, str | None]]:
    return Counter(
        ledger.query(
            "SELECT contact_id, address, reason FROM deliveries WHERE message_id = %(id)s", id=message.message_id
        )
    )


def reached(ledger: Ledger, message: Message) -> list[str]:
    rows = ledger.query(
        "SELECT address FROM deliveries WHERE message_id = %(id)s AND status = 'queued' ORDER BY address",
        id=message.message_id,
    )
    return [address for (address,) in rows]


@pytest.fixture
def church_id(ledger: Ledger) -> UUID:
    church_id = ledger.church()
    ledger.query("UPDATE churches SET regions = '{US}' WHERE church_id = %(id)s", id=church_id)
    return church_id


def test_an_audience_is_what_the_expansion_writes(ledger: Ledger, church_id: UUID) -> None:
    ids = add(ledger, church_id, ANN, ANN, BEN, CAT, DAN, JAMAICA, PREMIUM)
    ledger.query("INSERT INTO contacts (church_id, name) VALUES (%(id)s, 'No phone')", id=church_id)
    ledger.opt_out(church_id, BEN)
    with church_scope(ledger.database, church_id) as connection:
        opt_outs.opt_out(connection, church_id=church_id, address=CAT, source="bounce")
    everyone, some = group(ledger, church_id, *ids), group(ledger, church_id, *ids[:2], ids[4])
    targets: list[Target] = [
        {},
        {"excludeGroupIds": [some]},
        {"contactIds": [*ids, uuid4(), ids[0]]},
        {"phoneNumbers": [ANN, BEN, ANN, JAMAICA], "numberRegions": ["US", "US", "US", "JM"]},
        {"groupIds": [everyone]},
        {"groupIds": [everyone, some]},
        {"groupIds": [everyone], "excludeGroupIds": [some]},
    ]
    for target in targets:
        message = ledger.compose(church_id, target)
        ledger.expand(church_id, message)
        with church_scope(ledger.database, church_id) as connection:
            counted = audiences.count(connection, audience(church_id, target))
            listed = audiences.list_recipients(connection, audience(church_id, target), limit=100)
            reached_only = audiences.list_recipients(
                connection, audience(church_id, target), limit=100, only_reached=True
            )

        rows = written(ledger, message)
        assert Counter((each.contact_id, each.address, each.reason) for each in listed) == rows, target
        assert counted == Counter(reason for _, _, reason in rows.elements())
        assert reached_only == [each for each in listed if each.reason is None]


def test_who_is_in_several_groups_is_in_the_audience_once(ledger: Ledger, church_id: UUID) -> None:
    ann, ben, cat = add(ledger, church_id, ANN, BEN, CAT)
    one, other = group(ledger, church_id, ann, ben), group(ledger, church_id, ben, cat)
    message = ledger.compose(church_id, {"groupIds": [one, other, one]})

    assert ledger.expand(church_id, message) == 3

    assert reached(ledger, message) == [ANN, BEN, CAT]


def test_who_is_in_an_excluded_group_is_not_in_the_audience(ledger: Ledger, church_id: UUID) -> None:
    ann, ben, cat = add(ledger, church_id, ANN, BEN, CAT)
    most, excluded = group(ledger, church_id, ann, ben), group(ledger, church_id, ben, cat)
    to_group = ledger.compose(church_id, {"groupIds": [most], "excludeGroupIds": [excluded]})
    to_all = ledger.compose(church_id, {"excludeGroupIds": [excluded]})
    to_nobody = ledger.compose(church_id, {"groupIds": [excluded], "excludeGroupIds": [excluded]})

    assert [ledger.expand(church_id, message) for message in (to_group, to_all, to_nobody)] == [1, 1, 0]

    assert reached(ledger, to_group) == reached(ledger, to_all) == [ANN]


def test_a_group_of_another_church_adds_nobody(ledger: Ledger, church_id: UUID) -> None:
    other = ledger.church()
    theirs = group(ledger, other, *add(ledger, other, ANN))
    message = ledger.compose(church_id, {"groupIds": [theirs]})

    with system_scope(ledger.database) as connection:
        assert audiences.count(connection, audience(church_id, {"groupIds": [theirs]})) == {}
    assert ledger.expand(church_id, message) == 0
