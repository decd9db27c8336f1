"""Which person is in a row of a file, or why the row is refused. A row is taken as a whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from messaging.addresses import InvalidEmail, InvalidPhone, PhoneLocation, parse_email
from messaging.contact_fields import MAX_PERSON_NAME_CHARACTERS, MAX_VALUE_CHARACTERS
from messaging.contact_files.columns import Column
from messaging.contact_files.formula_guard import unguard
from messaging.contact_files.headings import Target
from messaging.contact_files.phone_cells import PhoneCell, read_phone
from messaging.wall_time import UnknownZone, find_zone

_LONGEST_SHOWN_VALUE = 200
_YES = frozenset({"yes", "y", "true", "t", "x", "1", "si", "sí", "s", "on", "✓", "✔", "opted out", "unsubscribed"})
_NO = frozenset({"", "no", "n", "false", "f", "0", "off", "-"})
_SAYS_NOTHING = frozenset({"-", "--", "–", "—", "n/a", "na", "none", "null", "nil", "unknown", "ninguno", "no tiene"})
"""What people write into the cell of an address or of a consent when there is none or it is not known."""
_MAY_SAY_NOTHING: Collection[Target] = ("phone", "email", "textsAllowed")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?")
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)
_ADDRESS_OF_PERSON = re.compile(r"[^<>]*<([^<>]+)>")


class RefusedRow(ValueError):
    """The row is not taken. `column` is the number of the column that is wrong, None for the row as a whole."""

    def __init__(self, reason: str, *, column: Column | None = None, value: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.column = column
        self.value = value[:_LONGEST_SHOWN_VALUE].replace("\0", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePerson:
    """The person in a row."""

    name: str
    phone: str | None = None
    location: PhoneLocation | None = None
    """Of the phone."""
    email: str | None = None
    time_zone: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    opted_out: tuple[str, ...] = ()
    """The addresses of the row that the file says are opted out."""
    remark: str | None = None
    """What is noted about the row although it is taken."""
    remark_column: Column | None = None
    remark_value: str | None = None


def read_person(cells: Sequence[str], columns: Sequence[Column], *, regions: Collection[str]) -> FilePerson:
    """Return the person in a row. `regions`: those whose numbers the church may text. Raises RefusedRow."""
    values: dict[Target, tuple[Column, str]] = {}
    fields: dict[str, str] = {}
    for column in columns:
        value = cells[column.number - 1] if column.number <= len(cells) else ""
        if not value or column.target == "ignore":
            continue
        value = unguard(value).strip()
        _check_storable(column, value)
        if column.target in _MAY_SAY_NOTHING and value.lower() in _SAYS_NOTHING:
            continue
        if column.target == "field":
            fields[column.field] = _field(column, value)
        else:
            values[column.target] = column, value
    name = _name(values, fields)
    phone = _phone(values.get("phone"), regions)
    email = _email(values.get("email"))
    if phone is None and email is None:
        raise RefusedRow("has neither a phone number nor an e-mail address")
    remark = phone.remark if phone else None
    column, value = values["phone"] if remark else (None, None)
    return FilePerson(
        name=name,
        phone=phone.phone if phone else None,
        location=phone.location if phone else None,
        email=email,
        time_zone=_time_zone(values.get("timeZone")),
        fields=fields,
        opted_out=_opted_out(values, phone, email),
        remark=remark,
        remark_column=column,
        remark_value=value[:_LONGEST_SHOWN_VALUE] if value else None,
    )


def is_blank(cells: Sequence[str]) -> bool:
    """Return whether nothing is left in the row, because it was erased."""
    return not any(cells)


def _check_storable(column: Column, value: str) -> None:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise RefusedRow("has a character that cannot be stored", column=column)


def _field(column: Column, value: str) -> str:
    if len(value) > MAX_VALUE_CHARACTERS:
        raise RefusedRow(f"has more than {MAX_VALUE_CHARACTERS} characters", column=column, value=value)
    return value


def _name(values: Mapping[Target, tuple[Column, str]], fields: dict[str, str]) -> str:
    """Return the name of the person.

    First and last names become fields: those beside a whole name, and those that differ from the first and the last
    word of the name, such as the first name "Mary Ann".
    """
    parts: dict[Target, str] = {target: values[target][1] for target in ("firstName", "lastName") if target in values}
    whole = values.get("name")
    name = whole[1] if whole else " ".join(parts.values())
    if not name:
        raise RefusedRow("has no name")
    if len(name) > MAX_PERSON_NAME_CHARACTERS:
        column, value = whole or next(values[target] for target in parts)
        raise RefusedRow(f"has more than {MAX_PERSON_NAME_CHARACTERS} characters", column=column, value=value)
    words = name.split()
    derived = {"firstName": words[0], "lastName": words[-1] if len(words) > 1 else ""}
    for target, value in parts.items():
        if whole or value != derived[target]:
            fields.setdefault(target, _field(values[target][0], value))
    return name


def _phone(found: tuple[Column, str] | None, regions: Collection[str]) -> PhoneCell | None:
    if found is None:
        return None
    column, value = found
    try:
        phone = read_phone(value)
    except InvalidPhone as error:
        raise RefusedRow(str(error), column=column, value=value) from None
    if phone.location.region not in regions:
        raise RefusedRow(
            f"is a number in {phone.location.region}, which the church may not text", column=column, value=value
        )
    return phone


def _email(found: tuple[Column, str] | None) -> str | None:
    if found is None:
        return None
    column, value = found
    text = _MAILTO.sub("", value)
    if person := _ADDRESS_OF_PERSON.fullmatch(text):
        text = person[1]
    try:
        return parse_email(text)
    except InvalidEmail as error:
        raise RefusedRow(str(error), column=column, value=value) from None


def _time_zone(found: tuple[Column, str] | None) -> str | None:
    if found is None:
        return None
    column, value = found
    try:
        find_zone(value)
    except UnknownZone:
        raise RefusedRow("is not the name of a time zone", column=column, value=value) from None
    return value


def _opted_out(
    values: Mapping[Target, tuple[Column, str]], phone: PhoneCell | None, email: str | None
) -> tuple[str, ...]:
    """Return the addresses that are opted out. Only "yes", "no" and a date are understood: consent is not guessed."""
    both = _says_yes(values.get("optedOut"))
    allowed = values.get("textsAllowed")
    texts = _says_yes(values.get("textsOptedOut")) or both or (allowed is not None and not _says_yes(allowed))
    mail = _says_yes(values.get("mailOptedOut")) or both
    addresses = (phone.phone if phone and texts else None, email if mail else None)
    return tuple(address for address in addresses if address is not None)


def _says_yes(found: tuple[Column, str] | None) -> bool:
    if found is None:
        return False
    column, value = found
    said = value.lower()
    if said in _YES or _DATE.fullmatch(value):
        return True
    if said in _NO:
        return False
    raise RefusedRow("is neither yes nor no", column=column, value=value)
