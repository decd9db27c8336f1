"""The conditions of smart groups in requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from psycopg import Connection
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import InitErrorDetails, ValidationError

from api import problems
from api.base_models import field_error
from api.problems import FieldError, RequestRefused
from messaging.group_conditions import InvalidCondition, parse_condition
from store import smart_groups
from store.api_keys import KeyHolder
from store.smart_groups import CircularGroups, TooManyParts, UnknownGroup

CONDITION_DESCRIPTION = (
    "Who belongs to the group, evaluated whenever the group is used, for example "
    '`{"all": [{"field": "campus", "equals": "North"}, {"not": {"addedSince": {"daysAgo": 30}}}]}`. '
    "A condition has one of `all` or `any` (a list of conditions), `not` (a condition), `inGroup` (the id of a group), "
    "`addedSince` or `addedBefore` (a day), or `field` (its name) with one of `equals`, `contains`, `startsWith` (a "
    "text), `oneOf` (a list of texts), `isSet` (true or false), `before` or `after` (a day). A day is `2026-12-24`, "
    '`{"daysAgo": 30}` or `{"daysAhead": 7}`.'
)


def _check_condition(value: Any) -> Any:
    if value is None:
        return None
    try:
        parse_condition(value)
    except InvalidCondition as error:
        path = tuple(error.path.split(".")[1:])
        details = InitErrorDetails(type=field_error(str(error)), loc=path, input=None)
        raise ValidationError.from_exception_data("condition", [details]) from None
    return value


GroupCondition = Annotated[
    Mapping[str, Any],
    BeforeValidator(_check_condition),
    WithJsonSchema({"type": "object", "title": "condition"}),
]
"""A condition as in messaging/group_conditions.py."""


def check_evaluable(connection: Connection[Any], caller: KeyHolder, condition: Mapping[str, Any] | None) -> None:
    """Raise RequestRefused (422) if the condition refers to groups that it cannot refer to.

    The groups to which it refers are not deleted before the transaction ends, if their definitions are locked.
    """
    if condition is None:
        return
    definitions = smart_groups.load_definitions(connection, caller.church_id)
    try:
        definitions.check(parse_condition(condition))
    except (UnknownGroup, CircularGroups, TooManyParts) as error:
        raise refused(error) from None


def refused(error: UnknownGroup | CircularGroups | TooManyParts) -> RequestRefused:
    """Return the refusal of a condition, with its field."""
    if isinstance(error, UnknownGroup):
        message = f"refers to the group {error.group_id}, which is not a group of this church"
    elif isinstance(error, CircularGroups):
        message = "makes the group refer to itself, directly or through another group"
    else:
        message = "is too large together with the conditions of the groups to which it refers"
    return RequestRefused(
        problems.INVALID,
        "Some fields of the body have errors.",
        errors=[FieldError(field="condition", message=message)],
    )
