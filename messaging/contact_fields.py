"""The fields of contacts: those of every contact, and those that a church makes."""

from __future__ import annotations

import re

BUILT_IN_FIELDS = ("name", "firstName", "lastName", "phone", "email")
"""Every contact has them. The church's own `firstName` and `lastName` of a contact precede those of its name."""
RESERVED_FIELDS = frozenset({"name", "phone", "email"})
"""No field of a church has these names."""
MAX_FIELDS = 50
"""The most names of fields that a church may have."""
MAX_FIELD_NAME_CHARACTERS = 40
MAX_VALUE_CHARACTERS = 500
MAX_PERSON_NAME_CHARACTERS = 200
"""Of the name of a contact."""

_NAME = re.compile(r"[a-z][A-Za-z0-9]*")


class InvalidFieldName(ValueError):
    """No name that a field may have; the message says why, for people."""


def is_field_name(name: str) -> bool:
    """Returns whether a field, of the church or of every contact, may have the name."""
    return len(name) <= MAX_FIELD_NAME_CHARACTERS and _NAME.fullmatch(name) is not None


def is_own_field_name(name: str) -> bool:
    """Returns whether a church may give the name to a field of its own."""
    return is_field_name(name) and name not in RESERVED_FIELDS


def check_field_name(name: str) -> str:
    """Returns the name. Raises InvalidFieldName."""
    if not is_field_name(name):
        raise InvalidFieldName(
            f"must begin with a small letter, and have only letters and digits after it, at most "
            f"{MAX_FIELD_NAME_CHARACTERS} in all"
        )
    if name in RESERVED_FIELDS:
        raise InvalidFieldName("is a field that every contact has")
    return name
