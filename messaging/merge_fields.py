r"""Merge fields: `Hi {{firstName|friend}}` in a text becomes `Hi Ruth` for Ruth, and `Hi friend` for others.

A field is `{{name}}` or `{{name|default}}`; white space inside the braces does not count. `\{{` is a literal `{{`. A
text without `{{` has no merge fields and stays as it is. PostgreSQL merges the texts that are sent, with the functions
of store/migrations/0023_merge_fields.sql; tests compare them with the rule here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from messaging.contact_fields import BUILT_IN_FIELDS

_BEGIN, _END, _LITERAL_BEGIN = "{{", "}}", r"\{{"
_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,39}")
_REMOVED = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_WHITE_SPACE = re.compile("[\t-\r\x1c-\x20\x85\u2028\u2029]+")
_SHOWN_CHARACTERS = 40


class MergeFieldError(Exception):
    """A text has merge fields that cannot be merged. The message continues a sentence that starts with the text's name.

    `position` is that of the first character of the field in the text, from 1.
    """

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeField:
    """A field in a text. `before` and `after` are the space beside it that an empty value takes along."""

    name: str
    default: str = ""
    before: str = ""
    after: str = ""

    def value(self, contact: MergeContact | None) -> str:
        """Returns what stands in the text of this contact. None: the recipient is not a contact."""
        value = (contact and contact.value(self.name)) or self.default
        return f"{self.before}{value}{self.after}" if value else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeContact:
    """What the fields of a contact get their values from."""

    name: str
    phone: str | None = None
    email: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    """The church's own fields."""

    def value(self, name: str) -> str:
        """Returns the value of a field; "" without one. The church's own firstName and lastName precede the name's."""
        if name in ("name", "phone", "email"):
            return plain_value({"name": self.name, "phone": self.phone, "email": self.email}[name] or "")
        if own := plain_value(self.fields.get(name, "")):
            return own
        words = plain_value(self.name).split(" ")
        if name == "firstName":
            return words[0]
        return words[-1] if name == "lastName" and len(words) > 1 else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedField:
    """A field at its position in the text, from 1."""

    field: MergeField
    position: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeText:
    """A text that was read: plain text and fields, in their order."""

    parts: tuple[str | PlacedField, ...]

    @property
    def placed_fields(self) -> list[PlacedField]:
        return [part for part in self.parts if isinstance(part, PlacedField)]

    def merge(self, contact: MergeContact | None) -> str:
        """Returns the text of one recipient; None: of one who is not a contact."""
        return "".join(part if isinstance(part, str) else part.field.value(contact) for part in self.parts)

    def most_characters(self, longest_values: Mapping[str, int]) -> int:
        """Returns how long the text of a recipient can be, if values are no longer than these, by field."""
        return sum(
            len(part)
            if isinstance(part, str)
            else max(longest_values.get(part.field.name, 0), len(part.field.default))
            + len(part.field.before + part.field.after)
            for part in self.parts
        )

    def check_fields(self, own_fields: Sequence[str]) -> None:
        """Raises MergeFieldError for the first field that contacts do not have. `own_fields`: those of the church."""
        known = (*BUILT_IN_FIELDS, *own_fields)
        for placed in self.placed_fields:
            name = placed.field.name
            if name not in known:
                message = f'has an unknown merge field "{name}" at character {placed.position}: {_hint(name, known)}'
                raise MergeFieldError(message, position=placed.position)


def has_braces(text: str) -> bool:
    """Returns whether the text has merge fields, or a literal `{{`: if not, everybody gets it as it is."""
    return _BEGIN in text


def parse(text: str) -> MergeText:
    """Returns the parts of a text. Raises MergeFieldError if braces are broken."""
    return MergeText(parts=tuple(_with_spaces(list(_parts(text)))))


def plain_value(text: str) -> str:
    """Returns the text on one line: without control characters, and white space as single spaces."""
    return _WHITE_SPACE.sub(" ", _REMOVED.sub("", text)).strip(" ")


def _parts(text: str) -> Iterator[str | PlacedField]:
    """Yield plain text and fields in turn: a field follows a text, which may be empty."""
    plain, end = list[str](), 0
    while (begin := text.find(_BEGIN, end)) >= 0:
        if text.startswith(_LITERAL_BEGIN, begin - 1) and begin > end:
            plain += (text[end : begin - 1], _BEGIN)
            end = begin + len(_BEGIN)
            continue
        yield "".join((*plain, text[end:begin]))
        closing = text.find(_END, begin + len(_BEGIN))
        if closing < 0:
            raise MergeFieldError(
                rf"has {{{{ at character {begin + 1} without }}}} after it; \{{{{ stands for {{{{ itself",
                position=begin + 1,
            )
        yield PlacedField(field=_field(text[begin + len(_BEGIN) : closing], begin + 1), position=begin + 1)
        plain, end = [], closing + len(_END)
    yield "".join((*plain, text[end:]))


def _field(inside: str, position: int) -> MergeField:
    """Return the field with this text between its braces."""
    name, _, default = (side.strip() for side in inside.partition("|"))
    if "{" in inside or "}" in inside or not _NAME.fullmatch(name):
        shown = inside if len(inside) <= _SHOWN_CHARACTERS else inside[:_SHOWN_CHARACTERS] + "…"
        message = (
            f"has no valid merge field at character {position}, but {{{{{shown}}}}}: write {{{{firstName}}}}, or "
            "{{firstName|friend}} with a default"
        )
        raise MergeFieldError(message, position=position)
    return MergeField(name=name, default=default)


def _with_spaces(parts: list[str | PlacedField]) -> Iterator[str | PlacedField]:
    """Move one space beside each field into the field: that before it, or at the beginning of a line that after it."""
    for index in range(1, len(parts), 2):
        before, placed, after = str(parts[index - 1]), parts[index], str(parts[index + 1])
        assert isinstance(placed, PlacedField)  # noqa: S101 - texts and fields take turns
        named = placed.field
        is_first = (not before and index == 1) or before.endswith("\n")
        if before.endswith(" "):
            before, named = before[:-1], MergeField(name=named.name, default=named.default, before=" ")
        elif is_first and after.startswith(" ") and (after != " " or index + 2 == len(parts)):
            after, named = after[1:], MergeField(name=named.name, default=named.default, after=" ")
        parts[index - 1 : index + 2] = [before, PlacedField(field=named, position=placed.position), after]
    yield from (part for part in parts if part != "")


def _hint(name: str, known: Sequence[str]) -> str:
    by_lower_name = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower_name, n=1)
    return f'did you mean "{by_lower_name[close[0]]}"?' if close else f"the fields are {', '.join(known)}"
