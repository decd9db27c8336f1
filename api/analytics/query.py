"""The query parameters of reports: ranges of days and months, groupings, and the cursor of a page of messages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from api import problems, query_parameters
from api.base_models import RequestModel, field_error
from api.problems import FieldError, RequestRefused
from api.query_parameters import PageQuery
from store.analytics import Days

MOST_DAYS = 1500
MOST_MONTHS = 60
USUAL_DAYS = 30
_YEARS = range(2000, 2101)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Grouping = Literal["day", "channel", "message"]
_GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)
Position = tuple[datetime, UUID]
"""The send_at and the id of the last message of a page."""


def _read_day(text: Any) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        raise field_error(f"must be a date from {_YEARS[0]} to {_YEARS[-1]}, such as 2026-11-30")
    return day


def _read_month(text: Any) -> date:
    if not _MONTH.fullmatch(text) or int(text[:4]) not in _YEARS:
        raise field_error(f"must be a month from {_YEARS[0]} to {_YEARS[-1]}, such as 2026-11")
    return date.fromisoformat(f"{text}-01")


def _read_groupings(text: Any) -> list[Grouping]:
    found = query_parameters.list_values(text, _GROUPINGS)
    if "message" in found and len(found) > 1:
        raise field_error("must not combine message with others: each message has a day and a channel")
    return found


def write_position(position: Position) -> str:
    """Return the cursor of the page after this message. Callers must not depend on its form."""
    send_at, message_id = position
    microseconds = (send_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(microseconds.to_bytes(8, signed=True) + message_id.bytes).decode()


def _read_position(text: Any) -> Position:
    try:
        data = base64.b64decode(text, altchars=b"-_", validate=True)
        position = (
            _EPOCH + timedelta(microseconds=int.from_bytes(data[:8], signed=True)),
            UUID(bytes=data[8:]),
        )
    except (ValueError, OverflowError, binascii.Error):
        raise field_error("is not valid: use the `next` of an earlier response") from None
    if position[0].year not in _YEARS or write_position(position) != text:
        raise field_error("is not valid: use the `next` of an earlier response")
    return position


Day = Annotated[date, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "format": "date"})]
Month = Annotated[
    date, BeforeValidator(_read_month), WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"})
]


class AnalyticsQuery(PageQuery):
    """The query parameters of GET /api/analytics."""

    first: Day | None = Field(
        default=None,
        alias="from",
        description=f"The first day, by the church's calendar (default: {USUAL_DAYS - 1} days before `to`).",
    )
    last: Day | None = Field(
        default=None, alias="to", description=f"The last day (default: today). At most {MOST_DAYS:,} days in all."
    )
    by: Annotated[
        list[Grouping] | None,
        BeforeValidator(_read_groupings),
        WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(_GROUPINGS)}}),
        Field(
            description="What the sums are grouped by: `day`, `channel`, both, or `message` alone. Omit it for one sum."
        ),
    ] = None
    cursor: Annotated[  # pyright: ignore[reportIncompatibleVariableOverride] - the position has two parts
        Position | None,
        BeforeValidator(_read_position),
        WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"}),
        Field(description="With `by=message`: the `next` of the previous page. Omit it to get the first page."),
    ] = None

    @property
    def groupings(self) -> list[Grouping]:
        return self.by or []

    def days(self, today: date) -> Days:
        """Return the range of days. Raises RequestRefused (422)."""
        last = self.last or today
        first = self.first or last - timedelta(days=USUAL_DAYS - 1)
        errors = _range_errors(first, last, most=MOST_DAYS, length=(last - first).days + 1, unit="days")
        if "message" not in self.groupings:
            errors += [
                FieldError(field=name, message="is only for by=message")
                for name in ("limit", "cursor")
                if name in self.model_fields_set
            ]
        if errors:
            raise RequestRefused(problems.INVALID, "Some query parameters have errors.", errors=errors)
        return Days(first=first, last=last)


class UsageQuery(RequestModel):
    """The query parameters of GET /api/usage."""

    first: Month | None = Field(
        default=None, alias="from", description="The first month, by the church's calendar (default: `to`)."
    )
    last: Month | None = Field(
        default=None,
        alias="to",
        description=f"The last month (default: the present one). At most {MOST_MONTHS} in all.",
    )

    def months(self, today: date) -> Sequence[date]:
        """Return the first day of each month. Raises RequestRefused (422)."""
        last = self.last or today.replace(day=1)
        first = self.first or last
        length = 12 * (last.year - first.year) + last.month - first.month + 1
        if errors := _range_errors(first, last, most=MOST_MONTHS, length=length, unit="months"):
            raise RequestRefused(problems.INVALID, "Some query parameters have errors.", errors=errors)
        months = [first]
        while months[-1] < last:
            months.append(next_month(months[-1]))
        return months


def next_month(month: date) -> date:
    """Return the first day of the month after this one."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def _range_errors(first: date, last: date, *, most: int, length: int, unit: str) -> list[FieldError]:
    if first > last:
        return [FieldError(field="from", message="must not be after `to`, whose default is the present")]
    if length > most:
        return [FieldError(field="from", message=f"must be at most {most:,} {unit} before `to`, both included")]
    return []
