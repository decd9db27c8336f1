"""Turns the conditions of smart groups into SQL.

The text consists of the constants of this module alone, so its type is LiteralString; everything that a church has
written is a parameter. Case is folded by PostgreSQL as Python does it (pg_unicode_fast).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString
from uuid import UUID

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
    TextOperator,
    day_of,
)

_WORDS: LiteralString = r"btrim(regexp_replace(contacts.name, '\s+', ' ', 'g'))"
_BUILT_IN: Mapping[str, LiteralString] = {
    "name": "contacts.name",
    "phone": "contacts.phone",
    "email": "contacts.email",
    "firstName": "coalesce(contacts.fields ->> 'firstName', split_part(" + _WORDS + ", ' ', 1))",
    "lastName": (
        "coalesce(contacts.fields ->> 'lastName', CASE WHEN strpos(" + _WORDS + ", ' ') > 0 "
        "THEN split_part(" + _WORDS + ", ' ', -1) END)"
    ),
}
_OWN: LiteralString = "(contacts.fields ->> %s)"
_TEXT_TESTS: Mapping[TextOperator, tuple[LiteralString, LiteralString]] = {
    "equals": ("casefold(", " COLLATE pg_unicode_fast) = %s::text"),
    "oneOf": ("casefold(", " COLLATE pg_unicode_fast) = ANY (%s::text[])"),
    "contains": ("strpos(casefold(", " COLLATE pg_unicode_fast), %s::text) > 0"),
    "startsWith": ("starts_with(casefold(", " COLLATE pg_unicode_fast), %s::text)"),
}
"""What stands before and after the value of the field. All collations involved are deterministic."""
_IN_LISTED_GROUP: LiteralString = (
    "(contacts.contact_id IN "
    "(SELECT group_members.contact_id FROM group_members WHERE group_members.group_id = %s::uuid))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionSql:
    """A Boolean expression of a row of contacts, which is never NULL, with the values of its placeholders."""

    text: LiteralString
    values: Sequence[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """By which days of a church are counted."""

    today: date
    time_zone: str


def compile_condition(
    condition: Condition, *, calendar: Calendar, condition_of: Callable[[UUID], Condition | None]
) -> ConditionSql:
    """Returns the expression.

    `condition_of` returns the condition of a smart group, or None for a group that lists its members. A group must not
    refer to itself, directly or through others (Definitions.check in store/smart_groups.py).
    """
    values = list[Any]()

    def expression(each: Condition) -> LiteralString:
        match each:
            case AllOf():
                return "(" + " AND ".join([expression(part) for part in each.parts]) + ")"
            case AnyOf():
                return "(" + " OR ".join([expression(part) for part in each.parts]) + ")"
            case Not():
                return "(NOT " + expression(each.part) + ")"
            case InGroup():
                condition_of_group = condition_of(each.group_id)
                if condition_of_group is not None:
                    return expression(condition_of_group)
                values.append(each.group_id)
                return _IN_LISTED_GROUP
            case Added():
                values.extend((day_of(each.day, today=calendar.today), calendar.time_zone))
                side: LiteralString = "<" if each.is_before else ">="
                return "(contacts.created_at " + side + " (%s::date::timestamp AT TIME ZONE %s::text))"
            case FieldText():
                return _text_test(each, values)
            case FieldIsSet():
                is_set = "((" + _value(each.field, values) + " <> '') IS TRUE)"
                return is_set if each.is_set else "(NOT " + is_set + ")"
            case FieldDay():
                return _day_test(each, values, calendar)

    return ConditionSql(text=expression(condition), values=values)


def _value(field: str, values: list[Any]) -> LiteralString:
    """Returns the expression of a field's value, and adds its parameter, if it has one, to the values."""
    built_in = _BUILT_IN.get(field)
    if built_in is not None:
        return built_in
    values.append(field)
    return _OWN


def _text_test(test: FieldText, values: list[Any]) -> LiteralString:
    before, after = _TEXT_TESTS[test.operator]
    text = "((" + before + _value(test.field, values) + after + ") IS TRUE)"
    values.append(list(test.texts) if test.operator == "oneOf" else test.texts[0])
    return text


def _day_test(test: FieldDay, values: list[Any], calendar: Calendar) -> LiteralString:
    """Days are compared as texts, in the order of their characters: a value that is no day causes no error."""
    side: LiteralString = "<" if test.side == "before" else ">"
    is_day = _value(test.field, values) + r" ~ '^\d{4}-\d{2}-\d{2}$'"
    compared = _value(test.field, values) + ' COLLATE "C" ' + side + " %s::text"
    values.append(day_of(test.day, today=calendar.today).isoformat())
    return "((" + is_day + " AND " + compared + ") IS TRUE)"
