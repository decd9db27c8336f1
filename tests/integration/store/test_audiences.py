"""The audience of a target is the same before a message is stored and when it is expanded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import pytest
from psycopg.errors import RaiseException
from psycopg.types.json import Jsonb

from messaging.addresses import AddressKind
from store import audiences, contacts, message_expansion, opt_outs
from store.audiences import Audience
from store.contacts import Person
from store.database import church_scope, system_scope
from store.message_expansion import GroupMissing
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
    with pytest.raises(GroupMissing, match=str(theirs)):
        ledger.expand(church_id, message)


def test_smart_groups_of_several_churches_are_expanded_together(ledger: Ledger) -> None:
    churches = [ledger.church() for _ in range(3)]
    messages: list[Message] = []
    for number, church_id in enumerate(churches):
        ann, *_ = add(ledger, church_id, *numbers(3, first=10 * number))
        ledger.query('UPDATE contacts SET fields = \'{"campus": "North"}\' WHERE contact_id = %(id)s', id=ann)
        [group_id] = ledger.query(
            "INSERT INTO groups (church_id, name, condition) VALUES (%(church_id)s, 'North', %(condition)s) "
            "RETURNING group_id",
            church_id=church_id,
            condition=Jsonb({"field": "campus", "equals": "north"}),
        )[0]
        messages += [
            ledger.compose(church_id, {"groupIds": [group_id]}),
            ledger.compose(church_id, {"excludeGroupIds": [group_id]}),
        ]

    with system_scope(ledger.database) as connection:
        expansions = message_expansion.expand(
            connection,
            message_ids=[message.message_id for message in messages],
            address_kind=AddressKind.PHONE,
            keeps_quiet_hours=False,
        )

    assert [expansions[message.message_id].written for message in messages] == [1, 2] * 3
    assert [reached(ledger, message) for message in messages[2:4]] == [
        numbers(1, first=10),
        numbers(2, first=11),
    ]


def test_small_is_what_reads_few_members_or_contacts(ledger: Ledger) -> None:
    """A smart group reads all contacts of its church, an excluded group all of its members."""
    small, large = ledger.church(), ledger.church()
    few = add(ledger, small, *numbers(3))
    many = add(ledger, large, *numbers(message_expansion.SMALL_SIZE + 1))
    of_few, of_many, of_some = group(ledger, small, *few), group(ledger, large, *many), group(ledger, large, *many[:9])
    smart = [
        ledger.query(
            "INSERT INTO groups (church_id, name, condition) VALUES (%(id)s, 'North', %(condition)s) "
            "RETURNING group_id",
            id=church_id,
            condition=Jsonb({"field": "campus", "isSet": False}),
        )[0][0]
        for church_id in (small, large)
    ]
    expected = {
        ledger.compose(small, {"groupIds": [of_few]}).message_id: True,
        ledger.compose(small, {"groupIds": [smart[0]]}).message_id: True,
        ledger.compose(large, {"groupIds": [of_some]}).message_id: True,
        ledger.compose(large, {"groupIds": [of_many]}).message_id: False,
        ledger.compose(large, {"groupIds": [of_some], "excludeGroupIds": [of_many]}).message_id: False,
        ledger.compose(large, {"groupIds": [smart[1]]}).message_id: False,
    }

    found: dict[UUID, bool] = {}
    with system_scope(ledger.database) as connection:
        while due := message_expansion.lock_due(connection, channel="sms", limit=1, excluded_ids=list(found)):
            found |= {each.message_id: each.is_small for each in due}

    assert found == expected


@pytest.mark.parametrize("field", ["groupIds", "excludeGroupIds"])
def test_the_former_release_does_not_expand_a_message_to_groups(ledger: Ledger, church_id: UUID, field: str) -> None:
    """It runs beside this one during a deploy, and would write to those who are excluded."""
    message = ledger.compose(church_id, {field: [group(ledger, church_id, *add(ledger, church_id, ANN))]})
    to_all = ledger.compose(church_id)
    expand = "UPDATE messages SET expanded_at = now() WHERE message_id = %(id)s"

    with pytest.raises(RaiseException, match="does not know"):
        ledger.query(expand, id=message.message_id)

    ledger.query(expand, id=to_all.message_id)
    assert ledger.expand(church_id, message) == (1 if field == "groupIds" else 0)
