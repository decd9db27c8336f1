"""The types of request fields, and their field errors."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from api.base_models import Moment, RequestModel
from api.field_errors import field_errors
from api.query_parameters import PageQuery, write_cursor


class Meeting(RequestModel):
    starts_at: Moment
    guest_names: list[str]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-24T17:00:00-05:00", datetime(2026, 12, 24, 22, tzinfo=UTC)),
        ("2026-12-24T22:00:00Z", datetime(2026, 12, 24, 22, tzinfo=UTC)),
        ("2026-12-24t22:00:00.250z", datetime(2026, 12, 24, 22, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_a_time_with_its_offset_is_read(text: str, instant: datetime) -> None:
    assert Meeting.model_validate({"startsAt": text, "guestNames": []}).starts_at == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-24",
        "2026-12-24 17:00:00Z",
        "2026-02-30T17:00:00Z",
        "1800000000",
        1800000000,
        None,
    ],
)
def test_any_other_time_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        Meeting.model_validate({"startsAt": text, "guestNames": []})


class Reminder(RequestModel):
    at: Moment


@pytest.mark.parametrize("offset", ["", "Z", "+14:00", "-12:00", "+23:59", "-23:59"])
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "0001-12-31T23:59:59", "1999-12-31T23:59:59"])
def test_a_time_before_the_earliest_allowed_is_refused_whatever_its_offset(text: str, offset: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Reminder.model_validate({"at": text + offset})

    assert [found.message for found in field_errors(caught.value).listed] == ["must not be before the year 2000"]


@pytest.mark.parametrize("text", ["2000-01-01T00:00:00", "2000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_from_the_year_2000_on_is_read(text: str) -> None:
    assert Reminder.model_validate({"at": text}).at.isoformat() == text


def test_each_field_error_names_its_field_as_the_caller_wrote_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Meeting.model_validate({"guestNames": ["Ruth", 5], "guest_names": []})

    assert [(found.field, found.message) for found in field_errors(caught.value, within="meetings[3]").listed] == [
        ("meetings[3].startsAt", "is required"),
        ("meetings[3].guestNames[1]", "must be a string"),
        ("meetings[3].guest_names", "is not a known field"),
    ]


def test_a_cursor_contains_the_id_of_its_row() -> None:
    for row in (uuid4(), UUID(int=0), UUID(int=2**128 - 1)):
        assert PageQuery.model_validate({"cursor": write_cursor(row)}).cursor == row


@pytest.mark.parametrize(
    "cursor", ["", "x", "A" * 23, "A" * 21 + "B", "A" * 21 + "=", "é" * 22, "39f0a0dc-29af-46eb-a3b4"]
)
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationError):
        PageQuery.model_validate({"cursor": cursor})
