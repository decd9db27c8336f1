"""Reads the phone numbers that people and spreadsheets write in a cell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from messaging.addresses import InvalidPhone, PhoneLocation, locate_phone, parse_phone

_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_DECIMALS = re.compile(r"(\+?[0-9]{7,15})[.,]0+")
_SEPARATORS = re.compile(r"\s*(?:[/;|&\n\r,]|:::|\s(?:or|and|o|y|u)\s)\s*", re.IGNORECASE)
_LABELS = re.compile(
    r"\(?\b(?:cell|mobile|mob|home|work|phone|tel|cel|celular|movil|móvil|casa|c|m|h|w)\b[.:)]*", re.IGNORECASE
)
"""Words beside a number that say whose or which it is."""
_DIGITS_OF_NUMBER = 7
_LONGEST_CELL = 500
"""Of a longer cell, finding the numbers would take time with the square of its length."""
_MOST_NUMBERS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class PhoneCell:
    """The number that is taken from a cell."""

    phone: str
    """As E.164."""
    location: PhoneLocation
    remark: str | None
    """What is noted about the row, if the cell has more than this number."""


def read_phone(cell: str) -> PhoneCell:
    """Return the first valid number in the cell. Raises InvalidPhone.

    Digits are never guessed: a number that a spreadsheet has shortened (`1.20256E+10`) is refused, and so is one with
    an extension, which receives no texts.
    """
    text = cell.strip().removeprefix("'").strip()
    if len(text) > _LONGEST_CELL:
        raise InvalidPhone("is not a phone number")
    if _SHORTENED.fullmatch(text):
        raise InvalidPhone(
            "was shortened by the spreadsheet, and its last digits are lost: enter it again in a column of texts"
        )
    if decimals := _DECIMALS.fullmatch(text):
        text = decimals[1]
    parts = [part for part in _SEPARATORS.split(text) if _digits(part)]
    numbers = [_LABELS.sub("", part) for part in parts if _digits(part) >= _DIGITS_OF_NUMBER]
    if len(parts) < 2 or not numbers:
        return _located(parse_phone(_LABELS.sub("", text)), remark=None)
    if len(numbers) == 1:  # what stands beside it may be an extension
        return _located(parse_phone(text), remark=None)
    for number in numbers[:_MOST_NUMBERS]:
        try:
            phone = parse_phone(number)
        except InvalidPhone:
            continue
        return _located(phone, remark=f"has {len(numbers)} numbers: the first valid one is taken")
    raise InvalidPhone(f"has {len(numbers)} numbers, none of which is valid")


def _located(phone: str, *, remark: str | None) -> PhoneCell:
    return PhoneCell(phone=phone, location=locate_phone(phone), remark=remark)


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))
