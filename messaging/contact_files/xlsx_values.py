"""What the cells of an Excel workbook contain, as text: numbers with all their digits, dates in ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from messaging.contact_files.xlsx_package import Attributes, Package, local_name

_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Number formats that every workbook has (ECMA-376 part 1, section 18.8.30)."""
_NOT_PATTERN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
_DATE_PATTERN = re.compile(r"[dmyhs]", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_MOST_STYLES = 100_000
_LARGEST_WHOLE = 1e15
"""Up to here a number of a spreadsheet is exact."""
_FIRST_DAY = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no zones
_FIRST_DAY_OF_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LEAP_DAY_OF_1900 = 60
"""Excel counts 29 February 1900, which did not exist."""


def unescape(text: str) -> str:
    """Return the text with the characters that XML cannot hold, which Excel writes as `_x000D_`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def read_date_styles(package: Package, name: str) -> list[bool]:
    """Return for each style whether it shows a number as a date or time."""
    codes: dict[int, str] = {}
    styles: list[bool] = []
    in_cell_formats = False

    def start(element: str, attributes: Attributes) -> None:
        nonlocal in_cell_formats
        element = local_name(element)
        if element == "numFmt":
            codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif element in ("cellXfs", "cellStyleXfs", "dxfs"):
            in_cell_formats = element == "cellXfs"
        elif element == "xf" and in_cell_formats and len(styles) < _MOST_STYLES:
            styles.append(_shows_dates(_number(attributes.get("numFmtId")), codes))

    package.read_small(name, start)
    return styles


def _number(text: str | None) -> int:
    return int(text) if text and _WHOLE.fullmatch(text) else 0


def _shows_dates(number_format: int, codes: dict[int, str]) -> bool:
    if number_format in codes:
        code = codes[number_format].partition(";")[0][:200]
        return _DATE_PATTERN.search(_NOT_PATTERN.sub("", code)) is not None
    return number_format in _BUILT_IN_DATES


def number_text(value: str, *, is_date: bool, from_1904: bool) -> str:
    """Return the number as people write it: `12025550123` for `1.2025550123E10`."""
    try:
        number = float(value)
    except ValueError:
        return value
    if is_date and (shown := _date_text(number, from_1904=from_1904)):
        return shown
    if _WHOLE.fullmatch(value):
        return value
    if number.is_integer() and abs(number) < _LARGEST_WHOLE:
        return str(int(number))
    return repr(number)


def _date_text(days: float, *, from_1904: bool) -> str | None:
    if not 0 <= days < 2_958_466:  # the year 10000
        return None
    if not from_1904 and days < _LEAP_DAY_OF_1900:
        days += 1
    moment = (_FIRST_DAY_OF_1904 if from_1904 else _FIRST_DAY) + timedelta(seconds=round(days * 86_400))
    if days == int(days):
        return moment.date().isoformat()
    return moment.time().isoformat() if days < 2 else moment.isoformat()


def cell_text(
    value: str, *, kind: str, style: str | None, strings: Sequence[str], dates: Sequence[bool], from_1904: bool
) -> str:
    """Return what a cell of this kind (attribute `t`) and style (`s`) contains. "" for a reference to nothing."""
    if kind == "s":
        index = int(value) if _WHOLE.fullmatch(value) else -1
        return strings[index] if 0 <= index < len(strings) else ""
    if kind in ("inlineStr", "str"):
        return unescape(value)
    if kind == "b":
        return "yes" if value == "1" else "no"
    if kind == "e":
        return "" if value == "#N/A" else value
    if kind == "d" or not value:
        return value
    number = _number(style)
    return number_text(value, is_date=0 <= number < len(dates) and dates[number], from_1904=from_1904)
