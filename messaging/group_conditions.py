"""Conditions of smart groups: who belongs to one, as JSON that a church writes.

A condition is one object:

    {"all": [condition, ...]}  {"any": [condition, ...]}  {"not": condition}
    {"field": NAME, "equals" | "contains" | "startsWith": TEXT}  {"field": NAME, "oneOf": [TEXT, ...]}
    {"field": NAME, "isSet": true | false}  {"field": NAME, "before" | "after": DAY}
    {"inGroup": ID}  {"addedSince" | "addedBefore": DAY}

A DAY is "2026-12-24", {"daysAgo": 30} or {"daysAhead": 7}, in the church's time zone. Texts are compared without
regard to case. Of a field without a value only `isSet: false` is true; a value that is not a day such as 2026-12-24 is
neither before nor after another. store/condition_sql.py evaluates conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias, cast
from uuid import UUID

from messaging.contact_fields import MAX_VALUE_CHARACTERS, is_field_name

MAX_PARTS = 50
"""The most objects in one condition."""
MAX_DEPTH = 6
MAX_LISTED = 100
"""The most texts of `oneOf`."""
MAX_DAYS = 36_500

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

TextOperator = Literal["equals", "oneOf", "contains", "startsWith"]
Side = Literal["before", "after"]


class InvalidCondition(ValueError):
    """The condition has an error at `path`, such as `condition.all[0].field`; the message says which, for people."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, kw_only=True, slots=True)
class RelativeDay:
    days: int
    """From today on; negative: ago."""


Day: TypeAlias = date | RelativeDay


@dataclass(frozen=True, kw_only=True, slots=True)
class AllOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldText:
    field: str
    operator: TextOperator
    texts: tuple[str, ...]
    """As case-folded; one, except with `oneOf`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldIsSet:
    field: str
    is_set: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldDay:
    field: str
    side: Side
    day: Day


@dataclass(frozen=True, kw_only=True, slots=True)
class InGroup:
    group_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """Whether the contact was added before a day, or on it or later."""

    is_before: bool
    day: Day


Condition: TypeAlias = AllOf | AnyOf | Not | FieldText | FieldIsSet | FieldDay | InGroup | Added


def parse_condition(data: Any) -> Condition:
    """Returns the condition. Raises InvalidCondition for its first error."""
    return _Parser().parse(data, "condition", depth=1)


def day_of(day: Day, *, today: date) -> date:
    """Returns the day in the calendar."""
    if isinstance(day, date):
        return day
    try:
        return today + timedelta(days=day.days)
    except OverflowError:
        return date.max if day.days > 0 else date.min


def groups_in(condition: Condition) -> Iterator[UUID]:
    """Yields the groups to which the condition refers itself."""
    if isinstance(condition, InGroup):
        yield condition.group_id
    for part in parts_of(condition):
        yield from groups_in(part)


def count_parts(condition: Condition) -> int:
    return 1 + sum(count_parts(part) for part in parts_of(condition))


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """Returns the conditions of which a condition consists."""
    if isinstance(condition, AllOf | AnyOf):
        return condition.parts
    return (condition.part,) if isinstance(condition, Not) else ()


class _Parser:
    def __init__(self) -> None:
        self._parts = 0

    def parse(self, data: Any, path: str, *, depth: int) -> Condition:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidCondition("condition", f"has more than {MAX_PARTS} parts")
        if depth > MAX_DEPTH:
            raise InvalidCondition(path, f"is more than {MAX_DEPTH} levels deep")
        if not isinstance(data, dict):
            raise InvalidCondition(path, "must be an object")
        values = cast("dict[str, Any]", data)
        if "field" in values:
            return _field_test(values, path)
        [name, *others] = values or [""]
        if others or name not in (*_GROUPS, *_TESTS, "not"):
            allowed = ", ".join(("all", "any", "not", "field", *_TESTS))
            raise InvalidCondition(path, f"must have exactly one of {allowed}")
        inside, value = f"{path}.{name}", values[name]
        if name in _GROUPS:
            listed = _a_list(value, inside, most=MAX_PARTS)
            parts = [self.parse(part, f"{inside}[{index}]", depth=depth + 1) for index, part in enumerate(listed)]
            return _GROUPS[name](parts=tuple(parts))
        if name == "not":
            return Not(part=self.parse(value, inside, depth=depth + 1))
        return _TESTS[name](value, inside)


_GROUPS: Mapping[str, type[AllOf | AnyOf]] = {"all": AllOf, "any": AnyOf}


def _in_group(value: Any, path: str) -> InGroup:
    if not isinstance(value, str) or _UUID.fullmatch(value) is None:
        raise InvalidCondition(path, "must be the id of a group")
    return InGroup(group_id=UUID(value))


_TESTS: Mapping[str, Callable[[Any, str], Condition]] = {
    "inGroup": _in_group,
    "addedSince": lambda value, path: Added(is_before=False, day=_day(value, path)),
    "addedBefore": lambda value, path: Added(is_before=True, day=_day(value, path)),
}


def _field_test(values: Mapping[str, Any], path: str) -> Condition:
    field = values["field"]
    if not isinstance(field, str) or not is_field_name(field):
        raise InvalidCondition(f"{path}.field", "must be the name of a field")
    operators = [name for name in values if name != "field"]
    if len(operators) != 1 or operators[0] not in _FIELD_TESTS:
        raise InvalidCondition(path, f"must have exactly one of {', '.join(_FIELD_TESTS)}, besides field")
    [operator] = operators
    return _FIELD_TESTS[operator](field, values[operator], f"{path}.{operator}")


def _text_test(operator: TextOperator) -> Callable[[str, Any, str], Condition]:
    def read(field: str, value: Any, path: str) -> Condition:
        return FieldText(field=field, operator=operator, texts=(_text(value, path),))

    return read


def _one_of(field: str, value: Any, path: str) -> Condition:
    listed = _a_list(value, path, most=MAX_LISTED)
    texts = tuple(_text(text, f"{path}[{index}]") for index, text in enumerate(listed))
    return FieldText(field=field, operator="oneOf", texts=texts)


def _is_set(field: str, value: Any, path: str) -> Condition:
    if not isinstance(value, bool):
        raise InvalidCondition(path, "must be true or false")
    return FieldIsSet(field=field, is_set=value)


_FIELD_TESTS: Mapping[str, Callable[[str, Any, str], Condition]] = {
    "equals": _text_test("equals"),
    "oneOf": _one_of,
    "contains": _text_test("contains"),
    "startsWith": _text_test("startsWith"),
    "isSet": _is_set,
    "before": lambda field, value, path: FieldDay(field=field, side="before", day=_day(value, path)),
    "after": lambda field, value, path: FieldDay(field=field, side="after", day=_day(value, path)),
}


def _a_list(value: Any, path: str, *, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or not 1 <= len(cast("list[Any]", value)) <= most:
        raise InvalidCondition(path, f"must be a list of 1 to {most} items")
    return cast("list[Any]", value)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_VALUE_CHARACTERS:
        raise InvalidCondition(path, f"must be a text of 1 to {MAX_VALUE_CHARACTERS} characters")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidCondition(path, "must not contain the character U+0000 or half of a surrogate pair")
    return value.casefold()


def _day(value: Any, path: str) -> Day:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InvalidCondition(path, "is not in the calendar") from None
    if isinstance(value, dict) and len(cast("dict[str, Any]", value)) == 1:
        [(unit, days)] = cast("dict[str, Any]", value).items()
        if unit in ("daysAgo", "daysAhead") and type(days) is int and 0 <= days <= MAX_DAYS:
            return RelativeDay(days=-days if unit == "daysAgo" else days)
    raise InvalidCondition(path, 'must be a day such as "2026-12-24", {"daysAgo": 30} or {"daysAhead": 7}')
