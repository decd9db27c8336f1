"""Conditions of smart groups: which are read, and where the error is in those that are not."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from messaging.group_conditions import (
    MAX_PARTS,
    Added,
    AllOf,
    AnyOf,
    FieldDay,
    FieldIsSet,
    FieldText,
    InGroup,
    InvalidCondition,
    Not,
    RelativeDay,
    count_parts,
    day_of,
    groups_in,
    parse_condition,
)

GROUP = UUID("0197a3f0-5e3b-7c11-9d54-0f4f7a5c2b11")


def nested(depth: int) -> Any:
    return {"not": nested(depth - 1)} if depth else {"field": "campus", "isSet": True}


def test_every_kind_of_condition_is_read() -> None:
    data = {
        "all": [
            {"any": [{"field": "campus", "equals": "NORTH"}, {"field": "campus", "oneOf": ["South", "West"]}]},
            {"not": {"inGroup": str(GROUP)}},
            {"field": "name", "contains": "ß"},
            {"field": "lastName", "startsWith": "B"},
            {"field": "email", "isSet": False},
            {"field": "joined", "before": "2024-02-29"},
            {"field": "joined", "after": {"daysAgo": 30}},
            {"addedSince": {"daysAhead": 7}},
            {"addedBefore": "2026-01-01"},
        ]
    }

    condition = parse_condition(data)

    assert condition == AllOf(
        parts=(
            AnyOf(
                parts=(
                    FieldText(field="campus", operator="equals", texts=("north",)),
                    FieldText(field="campus", operator="oneOf", texts=("south", "west")),
                )
            ),
            Not(part=InGroup(group_id=GROUP)),
            FieldText(field="name", operator="contains", texts=("ss",)),
            FieldText(field="lastName", operator="startsWith", texts=("b",)),
            FieldIsSet(field="email", is_set=False),
            FieldDay(field="joined", side="before", day=date(2024, 2, 29)),
            FieldDay(field="joined", side="after", day=RelativeDay(days=-30)),
            Added(is_before=False, day=RelativeDay(days=7)),
            Added(is_before=True, day=date(2026, 1, 1)),
        )
    )
    assert list(groups_in(condition)) == [GROUP]
    assert count_parts(condition) == 13


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, "condition"),
        ("campus = North", "condition"),
        ([], "condition"),
        ({}, "condition"),
        ({"all": [], "any": []}, "condition"),
        ({"sql": "true"}, "condition"),
        ({"all": []}, "condition.all"),
        ({"all": {"inGroup": str(GROUP)}}, "condition.all"),
        ({"any": [{"inGroup": str(GROUP)}, {"not": 5}]}, "condition.any[1].not"),
        ({"inGroup": "Youth"}, "condition.inGroup"),
        ({"inGroup": 5}, "condition.inGroup"),
        ({"inGroup": f"{{{GROUP}}}"}, "condition.inGroup"),
        ({"field": "campus"}, "condition"),
        ({"field": "campus", "equals": "a", "contains": "a"}, "condition"),
        ({"field": "campus", "like": "%"}, "condition"),
        ({"field": "campus' OR true --", "equals": "a"}, "condition.field"),
        ({"field": "Campus", "equals": "a"}, "condition.field"),
        ({"field": None, "equals": "a"}, "condition.field"),
        ({"field": "campus", "equals": ""}, "condition.equals"),
        ({"field": "campus", "equals": 5}, "condition.equals"),
        ({"field": "campus", "equals": "x" * 501}, "condition.equals"),
        ({"field": "campus", "equals": "a\0"}, "condition.equals"),
        ({"field": "campus", "equals": "\ud800"}, "condition.equals"),
        ({"field": "campus", "oneOf": ["a", 5]}, "condition.oneOf[1]"),
        ({"field": "campus", "oneOf": ["a"] * 101}, "condition.oneOf"),
        ({"field": "campus", "isSet": 1}, "condition.isSet"),
        ({"field": "joined", "before": "2023-02-29"}, "condition.before"),
        ({"field": "joined", "before": "20240229"}, "condition.before"),
        ({"field": "joined", "before": {"daysAgo": True}}, "condition.before"),
        ({"field": "joined", "after": {"daysAgo": -1}}, "condition.after"),
        ({"field": "joined", "after": {"daysAgo": 10**9}}, "condition.after"),
        ({"addedSince": {"daysAgo": 1, "daysAhead": 1}}, "condition.addedSince"),
        ({"addedSince": 5}, "condition.addedSince"),
        ({"any": [{"field": "campus", "isSet": True}] * MAX_PARTS}, "condition"),
        (nested(6), "condition" + 6 * ".not"),
    ],
)
def test_an_error_has_its_place(data: Any, path: str) -> None:
    with pytest.raises(InvalidCondition) as found:
        parse_condition(data)

    assert found.value.path == path


def test_the_largest_and_the_deepest_condition_are_read() -> None:
    assert count_parts(parse_condition({"any": [{"field": "campus", "isSet": True}] * (MAX_PARTS - 1)})) == MAX_PARTS
    assert count_parts(parse_condition(nested(5))) == 6


def test_days_count_from_today_within_the_calendar() -> None:
    today = date(2026, 3, 1)

    assert day_of(RelativeDay(days=-1), today=today) == date(2026, 2, 28)
    assert day_of(date(2024, 2, 29), today=today) == date(2024, 2, 29)
    assert day_of(RelativeDay(days=-(10**9)), today=today) == date.min
