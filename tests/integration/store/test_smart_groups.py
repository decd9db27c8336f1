"""The SQL of conditions finds exactly the contacts that a plain evaluation of the condition finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from messaging.group_conditions import (
    Added,
    AllOf,
    AnyOf,
    Condition,
    FieldDay,
    FieldIsSet,
    FieldText,
    InGroup,
    Not,
    day_of,
    parse_condition,
)
from store import smart_groups
from store.database import church_scope, system_scope
from store.smart_groups import CircularGroups, Definitions, TooManyParts, UnknownGroup
from tests.integration.store.ledger import Ledger

ZONE = ZoneInfo("America/New_York")
GROUPS = [UUID(int=number) for number in range(1, 4)]
SMART = UUID(int=9)
SMART_CONDITION = {"any": [{"field": "campus", "contains": "o"}, {"inGroup": str(GROUPS[2])}]}

# Few and nasty texts, so that they meet: case that folds to several characters, SQL, patterns, accents.
TEXTS: Sequence[str] = (
    "North",
    "NORTH",
    "nor",
    "Straße",
    "STRASSE",
    "Ünïcode",
    "'; --",
    "%",
    "_",
    "\\",
    "2024-05-01",
    "2024-13-77",
    "1999-12-31 ",
)
NAMES: Sequence[str] = ("Ruth Bell", "ruth", "José  García Hill", "Ann 'O' Bell", "ΣΊΣΥΦΟΣ Σ", "100% _")
FIELDS: Sequence[str] = ("campus", "joined", "firstName", "lastName", "name", "phone", "email", "other")
OWN: Sequence[str] = ("campus", "joined", "firstName", "lastName")
DAYS: Sequence[Any] = (
    *("2024-05-01", "2024-05-02", "1999-12-31", "2026-01-01"),
    *({"daysAgo": days} for days in (0, 1, 2, 400)),
    *({"daysAhead": days} for days in (0, 1)),
)


@dataclass(frozen=True, kw_only=True)
class Person:
    contact_id: UUID
    name: str
    phone: str | None
    email: str | None
    fields: Mapping[str, str]
    created_at: datetime
    groups: Sequence[UUID]

    def value(self, field: str) -> str | None:
        if field in ("name", "phone", "email"):
            return {"name": self.name, "phone": self.phone, "email": self.email}[field]
        words = self.name.split()
        if field == "firstName" and field not in self.fields:
            return words[0]
        if field == "lastName" and field not in self.fields:
            return words[-1] if len(words) > 1 else None
        return self.fields.get(field)


def meets(person: Person, condition: Condition, today: date) -> bool:
    """The meaning of a condition, without SQL."""
    match condition:
        case AllOf():
            return all(meets(person, part, today) for part in condition.parts)
        case AnyOf():
            return any(meets(person, part, today) for part in condition.parts)
        case Not():
            return not meets(person, condition.part, today)
        case InGroup():
            if condition.group_id == SMART:
                return meets(person, parse_condition(SMART_CONDITION), today)
            return condition.group_id in person.groups
        case Added():
            midnight = datetime.combine(day_of(condition.day, today=today), time(), ZONE)
            return (person.created_at < midnight) == condition.is_before
        case FieldIsSet():
            return bool(person.value(condition.field)) == condition.is_set
        case FieldText():
            return _has_text(person.value(condition.field), condition)
        case FieldDay():
            return _is_on_side(person.value(condition.field), condition, today)


def _has_text(value: str | None, test: FieldText) -> bool:
    if value is None:
        return False
    folded = value.casefold()
    return {
        "equals": folded == test.texts[0],
        "oneOf": folded in test.texts,
        "contains": test.texts[0] in folded,
        "startsWith": folded.startswith(test.texts[0]),
    }[test.operator]


def _is_on_side(value: str | None, test: FieldDay, today: date) -> bool:
    digits = "".join("d" if character in "0123456789" else character for character in value or "")
    if value is None or digits != "dddd-dd-dd":
        return False
    day = day_of(test.day, today=today).isoformat()
    return value < day if test.side == "before" else value > day


@st.composite
def leaves(draw: st.DrawFn) -> Any:
    """A condition without parts."""
    field = draw(st.sampled_from(FIELDS))
    values: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("equals", "contains", "startsWith"), st.sampled_from([*TEXTS, "bell", "r", "+1", "garc"])),
        "oneOf": st.lists(st.sampled_from([*TEXTS, *NAMES]), min_size=1, max_size=3),
        "isSet": st.booleans(),
        **dict.fromkeys(("before", "after", "addedSince", "addedBefore"), st.sampled_from(DAYS)),
        "inGroup": st.sampled_from([str(group_id) for group_id in (*GROUPS, SMART)]),
    }
    operator = draw(st.sampled_from(sorted(values)))
    test = {operator: draw(values[operator])}
    return test if operator in ("addedSince", "addedBefore", "inGroup") else {"field": field, **test}


@st.composite
def combined(draw: st.DrawFn, parts: st.SearchStrategy[Any]) -> Any:
    kind = draw(st.sampled_from(["all", "any", "not"]))
    return {kind: draw(parts if kind == "not" else st.lists(parts, min_size=1, max_size=3))}


def _is_valid(data: Any) -> bool:
    try:
        parse_condition(data)
    except ValueError:
        return False
    return True


conditions = st.recursive(leaves(), lambda parts: combined(parts), max_leaves=8).filter(_is_valid)


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    now = datetime.now(UTC)
    return [
        Person(
            contact_id=UUID(int=100 + number),
            name=draw(st.sampled_from(NAMES)),
            phone=draw(st.sampled_from([None, f"+1202555{number:04}"])),
            email=draw(st.sampled_from([None, f"north{number}@example.org", f"r%{number}@example.org"])),
            fields=draw(st.dictionaries(st.sampled_from(OWN), st.sampled_from(TEXTS), max_size=4)),
            created_at=now - draw(st.sampled_from([0, 1, 2, 399, 400, 401, 2000])) * timedelta(days=1),
            groups=draw(st.lists(st.sampled_from(GROUPS), unique=True)),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


def store_people(connection: psycopg.Connection[Any], church_id: UUID, listed: Sequence[Person]) -> None:
    connection.execute("DELETE FROM contacts")
    connection.execute("DELETE FROM groups")
    for group_id in (*GROUPS, SMART):
        condition = Jsonb(SMART_CONDITION) if group_id == SMART else None
        connection.execute(
            "INSERT INTO groups VALUES (%s, %s, %s, %s)", (group_id, church_id, str(group_id), condition)
        )
    for person in listed:
        connection.execute(
            "INSERT INTO contacts (contact_id, church_id, name, phone, email, fields, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                person.contact_id,
                church_id,
                person.name,
                person.phone,
                person.email,
                Jsonb(dict(person.fields)),
                person.created_at,
            ),
        )
        for group_id in person.groups:
            connection.execute(
                "INSERT INTO group_members (group_id, contact_id, church_id) VALUES (%s, %s, %s)",
                (group_id, person.contact_id, church_id),
            )


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(listed=people(), tried=st.lists(conditions, min_size=1, max_size=5))
def test_the_contacts_that_meet_a_condition_are_found(ledger: Ledger, listed: list[Person], tried: list[Any]) -> None:
    known = ledger.query("SELECT church_id FROM churches")
    church_id = known[0][0] if known else ledger.church()
    today = datetime.now(ZONE).date()
    with church_scope(ledger.database, church_id) as connection:
        store_people(connection, church_id, listed)
        for data in tried:
            condition = parse_condition(data)
            expected = [person.contact_id for person in listed if meets(person, condition, today)]
            found = smart_groups.page_ids(connection, church_id=church_id, condition=condition, after=None, limit=100)
            assert found == expected, data
            assert smart_groups.count(connection, church_id=church_id, condition=condition) == len(expected)


def test_the_members_of_smart_groups_are_given_as_arrays(ledger: Ledger) -> None:
    church_id, other = ledger.church(), ledger.church()
    person = Person(
        contact_id=uuid4(), name="Ruth", phone=None, email=None, fields={"campus": "North"},
        created_at=datetime.now(UTC), groups=[],
    )  # fmt: skip
    with system_scope(ledger.database) as connection:
        store_people(connection, church_id, [person])
        connection.execute(
            "INSERT INTO contacts (church_id, name, fields) VALUES (%s, 'Amos', '{\"campus\": \"North\"}')", (other,)
        )
        members = smart_groups.members(connection, church_id=church_id, group_ids=[SMART, GROUPS[0]])
        connection.execute("UPDATE contacts SET fields = '{}'")
        nobody = smart_groups.members(connection, church_id=church_id, group_ids=[SMART])

    assert members == {SMART: f"{{{person.contact_id}}}"}
    assert nobody == {SMART: "{}"}


# --- references -------------------------------------------------------------------------------------------------------


def refers_to(*group_ids: UUID) -> dict[str, Any]:
    return {"any": [{"inGroup": str(group_id)} for group_id in group_ids]}


def test_groups_do_not_refer_to_themselves() -> None:
    one, two, three = GROUPS

    Definitions(stored={one: refers_to(two, three), two: refers_to(three), three: None}).check_all()
    for stored in (
        {one: refers_to(one)},
        {one: refers_to(two), two: refers_to(one)},
        {one: refers_to(two), two: refers_to(three), three: {"not": refers_to(one)}},
    ):
        with pytest.raises(CircularGroups):
            Definitions(stored=stored).check_all()
    with pytest.raises(UnknownGroup):
        Definitions(stored={one: refers_to(two)}).check_all()


def chain(length: int, *, references: int) -> Definitions:
    """Groups of which each refers to the next so many times; the last lists its members."""
    ids = [UUID(int=number) for number in range(1, length + 1)]
    stored: dict[UUID, Any] = {one: refers_to(*references * [next_]) for one, next_ in pairwise(ids)}
    return Definitions(stored=stored | {ids[-1]: None})


def test_conditions_that_grow_with_each_reference_are_refused() -> None:
    """Each group refers twice to the next, so that the parts double."""
    chain(8, references=2).check_all()
    with pytest.raises(TooManyParts):
        chain(9, references=2).check_all()


def test_a_long_chain_of_references_is_refused() -> None:
    chain(10, references=1).check_all()
    with pytest.raises(TooManyParts):
        chain(400, references=1).check_all()
