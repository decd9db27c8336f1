"""Contacts: imported in bulk, deduplicated, read in pages."""

from __future__ import annotations

from uuid import UUID, uuid4

from store import contacts
from store.contacts import AddedContact, Person
from store.database import Database, church_scope
from tests.integration.store.ledger import Ledger, numbers, together

People = list[tuple[str, str]]


def add(database: Database, church_id: UUID, people: People) -> list[AddedContact]:
    with church_scope(database, church_id) as connection:
        return contacts.add(connection, church_id=church_id, people=[Person(name=n, phone=p) for n, p in people])


def test_contacts_are_returned_in_the_order_of_the_input(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    people = list(zip(["Zoe", "Ann", "Mia"], reversed(numbers(3)), strict=True))

    added = add(database, church_id, people)

    with church_scope(database, church_id) as connection:
        stored = {
            contact.contact_id: contact
            for contact in contacts.page(connection, church_id=church_id, after=None, limit=9)
        }
    assert [(stored[one.contact_id].name, stored[one.contact_id].phone) for one in added] == people
    assert all(one.created for one in added)


def test_a_person_listed_twice_is_one_contact_and_created_once(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    [phone] = numbers(1)

    first, again, other_case, family = add(
        database, church_id, [("Ann", phone), ("Ann", phone), ("ANN", phone), ("Ben", phone)]
    )

    assert first.contact_id == again.contact_id == other_case.contact_id != family.contact_id
    assert [first.created, again.created, other_case.created, family.created] == [True, False, False, True]


def test_a_second_import_of_the_same_people_creates_no_contact(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    people = [(f"Person {n}", phone) for n, phone in enumerate(numbers(500))]
    before = add(database, church_id, people)

    after = add(database, church_id, people[::-1])[::-1]

    assert [one.contact_id for one in after] == [one.contact_id for one in before]
    assert not any(one.created for one in after)


def test_the_same_person_in_two_churches_is_two_contacts(database: Database, ledger: Ledger) -> None:
    people = [("Ann", numbers(1)[0])]

    [here], [there] = add(database, ledger.church(), people), add(database, ledger.church(), people)

    assert here.created
    assert there.created
    assert here.contact_id != there.contact_id


def test_concurrent_imports_of_the_same_people_return_the_same_contacts_without_a_deadlock(
    database: Database, ledger: Ledger
) -> None:
    church_id = ledger.church()
    people = [(f"Person {n}", phone) for n, phone in enumerate(numbers(300))]

    def add_in_another_order(number: int) -> dict[tuple[str, str], AddedContact]:
        listed = people[number * 40 :] + people[: number * 40]
        return dict(zip(listed, add(database, church_id, listed), strict=True))

    answers = together(6, add_in_another_order)

    for person in people:
        assert len({answer[person].contact_id for answer in answers}) == 1
        assert sum(answer[person].created for answer in answers) == 1


def test_pages_contain_every_contact_once_with_its_opt_out(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    people = [(f"Person {n}", phone) for n, phone in enumerate(numbers(7))]
    add(database, church_id, people)
    add(database, ledger.church(), people)
    ledger.opt_out(church_id, people[3][1])

    seen: list[contacts.Contact] = []
    after: UUID | None = None
    while True:
        with church_scope(database, church_id) as connection:
            page = contacts.page(connection, church_id=church_id, after=after, limit=3)
        if not page:
            break
        seen += page
        after = page[-1].contact_id

    assert sorted((contact.name, contact.phone) for contact in seen) == sorted(people)
    assert [contact.name for contact in seen if contact.opted_out_at] == ["Person 3"]


def test_ids_of_no_contact_and_of_another_church_are_unknown(database: Database, ledger: Ledger) -> None:
    church_id = ledger.church()
    [mine] = add(database, church_id, [("Ann", numbers(1)[0])])
    [foreign] = add(database, ledger.church(), [("Ann", numbers(1)[0])])
    missing = uuid4()

    with church_scope(database, church_id) as connection:
        unknown = contacts.unknown(
            connection, church_id=church_id, contact_ids=[mine.contact_id, foreign.contact_id, missing]
        )

    assert unknown == {foreign.contact_id, missing}
