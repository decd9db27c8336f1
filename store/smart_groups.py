"""Smart groups: groups whose members follow from a condition, evaluated when they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.group_conditions import Condition, count_parts, groups_in, parse_condition
from store import sql
from store.condition_sql import Calendar, ConditionSql, compile_condition

_SQL = sql.load("smart_groups")

MAX_EVALUATED_PARTS = 500
"""The most parts of a condition together with the conditions of the groups to which it refers."""
MAX_REFERENCES = 10
"""The most smart groups of which each refers to the next."""

_OF_CHURCH: LiteralString = " FROM contacts WHERE contacts.church_id = %s AND "


class UnknownGroup(Exception):
    """A condition refers to a group that the church does not have."""

    def __init__(self, group_id: UUID) -> None:
        super().__init__(f"the group {group_id} does not exist")
        self.group_id = group_id


class CircularGroups(Exception):
    """A smart group would refer to itself, directly or through others."""


class TooManyParts(Exception):
    """A condition would be too large together with those to which it refers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definitions:
    """The groups of a church: the conditions of smart ones, as stored, and None for the others."""

    stored: Mapping[UUID, Any]
    _parsed: dict[UUID, Condition] = field(default_factory=dict[UUID, Condition])

    def condition_of(self, group_id: UUID) -> Condition | None:
        """Returns the condition of a smart group; None: the group lists its members. Raises UnknownGroup."""
        if group_id not in self.stored:
            raise UnknownGroup(group_id)
        if self.stored[group_id] is None:
            return None
        if group_id not in self._parsed:
            self._parsed[group_id] = parse_condition(self.stored[group_id])
        return self._parsed[group_id]

    def check(self, condition: Condition) -> None:
        """Raises UnknownGroup, CircularGroups or TooManyParts if the condition cannot be evaluated."""
        self._count(condition, (), {})

    def check_all(self) -> None:
        """Raises the same for the smart groups of the church: a change of one may concern those that refer to it."""
        counted: dict[UUID, int] = {}
        for group_id in self.stored:
            self._count_group(group_id, (), counted)

    def _count(self, condition: Condition, above: tuple[UUID, ...], counted: dict[UUID, int]) -> int:
        parts = count_parts(condition)
        parts += sum(self._count_group(group_id, above, counted) for group_id in groups_in(condition))
        if parts > MAX_EVALUATED_PARTS:
            raise TooManyParts
        return parts

    def _count_group(self, group_id: UUID, above: tuple[UUID, ...], counted: dict[UUID, int]) -> int:
        if group_id in above:
            raise CircularGroups
        if len(above) > MAX_REFERENCES:
            raise TooManyParts
        if group_id not in counted:
            condition = self.condition_of(group_id)
            counted[group_id] = 0 if condition is None else self._count(condition, (*above, group_id), counted)
        return counted[group_id]


def load_definitions(connection: Connection[Any], church_id: UUID) -> Definitions:
    return Definitions(stored=dict(connection.execute(_SQL["list_definitions"], {"church_id": church_id}).fetchall()))


def members(connection: Connection[Any], *, church_id: UUID, group_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Returns the members of those of the ids that are smart groups of the church, as arrays in PostgreSQL's text form.

    A text, so that the ids of a large group need not be read here before another statement takes them.
    """
    if not group_ids:
        return {}
    definitions, calendar = load_definitions(connection, church_id), _calendar(connection, church_id)
    found: dict[UUID, str] = {}
    for group_id in definitions.stored.keys() & set(group_ids):
        condition = definitions.condition_of(group_id)
        if condition is not None:
            compiled = compile_condition(condition, calendar=calendar, condition_of=definitions.condition_of)
            statement = "SELECT coalesce(array_agg(contacts.contact_id), '{}')::text" + _OF_CHURCH + compiled.text
            row = connection.execute(statement, [church_id, *compiled.values], prepare=False).fetchone()
            found[group_id] = row[0] if row else "{}"
    return found


def count(connection: Connection[Any], *, church_id: UUID, condition: Condition) -> int:
    """Returns how many contacts of the church meet the condition."""
    compiled = _compiled(connection, church_id, condition)
    statement = "SELECT count(*)" + _OF_CHURCH + compiled.text
    row = connection.execute(statement, [church_id, *compiled.values], prepare=False).fetchone()
    return row[0] if row else 0


def page_ids(
    connection: Connection[Any], *, church_id: UUID, condition: Condition, after: UUID | None, limit: int
) -> list[UUID]:
    """Returns the ids of up to `limit` contacts after the id `after` that meet the condition, oldest first."""
    compiled = _compiled(connection, church_id, condition)
    statement = (
        "SELECT contacts.contact_id"
        + _OF_CHURCH
        + compiled.text
        + " AND contacts.contact_id > %s ORDER BY contacts.contact_id LIMIT %s"
    )
    values = [church_id, *compiled.values, after or sql.FIRST_ID, limit]
    return [contact_id for (contact_id,) in connection.execute(statement, values, prepare=False).fetchall()]


def _compiled(connection: Connection[Any], church_id: UUID, condition: Condition) -> ConditionSql:
    definitions = load_definitions(connection, church_id)
    definitions.check(condition)
    calendar = _calendar(connection, church_id)
    return compile_condition(condition, calendar=calendar, condition_of=definitions.condition_of)


def _calendar(connection: Connection[Any], church_id: UUID) -> Calendar:
    with connection.cursor(row_factory=class_row(Calendar)) as cursor:
        calendar = cursor.execute(_SQL["get_calendar"], {"church_id": church_id}).fetchone()
    assert calendar is not None  # noqa: S101 - the church exists
    return calendar
