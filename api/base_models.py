"""Base classes and field types of request and response models: camelCase in JSON, strict types, no unknown fields."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Strict,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from api import unknown_fields
from messaging.wall_time import UnknownZone, find_zone

_LOCAL = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?"
_LOCAL_MINUTE = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:00)?"
_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)

EARLIEST_YEAR = 2000
"""The earliest year of a time in a request. The latest time depends on the field."""


class RequestModel(BaseModel):
    """The base class of request bodies and of their parts."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel)

    digested_at_default: ClassVar[frozenset[str]] = frozenset()
    """The fields that are part of a request's digest even at their default: those of the first release.

    Never add a field here. The digests that were stored for requests without it would no longer match.
    """

    @model_validator(mode="before")
    @classmethod
    def _limit_unknown_field_errors(cls, data: Any) -> Any:
        """Report very many unknown fields in a short form. pydantic would use half a kilobyte for each."""
        body = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        most = len(cls.model_fields) + unknown_fields.MAX_FIELD_ERRORS
        if len(body) > most and cls.model_config.get("extra") == "forbid":
            known = {field.alias for field in cls.model_fields.values()}
            unknown = [name for name in body if name not in known]
            raise ValidationError.from_exception_data(cls.__name__, list(unknown_fields.unknown_field_errors(unknown)))
        return cast("Any", data)


class ResponseModel(BaseModel):
    """The base class of response bodies and of their parts."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def field_error(message: str) -> PydanticCustomError:
    """Return the error that a validator raises. `message` continues a sentence that starts with the field's name."""
    return PydanticCustomError("invalid_value", "{message}", {"message": message})


def _check_storable(text: str) -> str:
    if "\0" in text:
        raise field_error("must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise field_error("must not contain half of a surrogate pair")
    return text


def _check_year(time: datetime) -> datetime:
    """Refuse years that can only be a mistake. Times at the start of year 1 could not be converted to UTC."""
    if time.year < EARLIEST_YEAR:
        raise field_error(f"must not be before the year {EARLIEST_YEAR}")
    return time


def _check_moment(value: Any) -> Any:
    if not isinstance(value, str) or not (re.fullmatch(_LOCAL, value, re.ASCII) or _RFC_3339.fullmatch(value)):
        raise field_error(
            "must be a time as in RFC 3339, such as 2026-12-24T17:00:00-05:00; a time without an offset is "
            "in the church's time zone"
        )
    return value.upper()


def _check_whole_minute(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(_LOCAL_MINUTE, value, re.ASCII):
        raise field_error("must be a local time to the minute, without an offset, such as 2026-12-24T17:00:00")
    return value


def _check_zone(name: str) -> str:
    try:
        find_zone(name)
    except UnknownZone as error:
        raise field_error(str(error)) from None
    return name


STORABLE = AfterValidator(_check_storable)
"""Refuses text that PostgreSQL cannot store."""

Moment = Annotated[
    datetime,
    Strict(False),
    BeforeValidator(_check_moment),
    AfterValidator(_check_year),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "pattern": f"^{_LOCAL}$"}],
            "title": "date-time, or a local time",
        }
    ),
]
"""A time with an offset (https://www.rfc-editor.org/rfc/rfc3339#section-5.6), or a local time without one."""

WallTime = Annotated[
    datetime,
    Strict(False),
    BeforeValidator(_check_whole_minute),
    WithJsonSchema({"type": "string", "pattern": f"^{_LOCAL_MINUTE}$", "title": "local time"}),
]
"""A local time, to the minute."""

ZoneName = Annotated[str, AfterValidator(_check_zone)]
"""The name of a time zone in the IANA database."""

Timestamp = datetime
"""An aware time, returned in UTC."""
