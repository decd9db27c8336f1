"""What requests and answers are made of: camelCase on the wire, strict types, and nothing unknown let in."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Strict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class Given(BaseModel):
    """Anything that a caller sends."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel)


class Told(BaseModel):
    """Anything that a caller is told."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def wrong(message: str) -> PydanticCustomError:
    """What a validator raises; `message` follows the field's name in a sentence."""
    return PydanticCustomError("wrong", "{message}", {"message": message})


def _storable(text: str) -> str:
    if "\0" in text:
        raise wrong("must not contain the character U+0000")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise wrong("must not contain half of a surrogate pair")
    return text


def _rfc_3339(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise wrong("must be a time with its offset as in RFC 3339, such as 2026-12-24T17:00:00-05:00")
    return value.upper()


STORABLE = AfterValidator(_storable)
"""For text: PostgreSQL can keep it."""

Instant = Annotated[AwareDatetime, Strict(False), BeforeValidator(_rfc_3339)]
"""A time in RFC 3339, offset and all: https://www.rfc-editor.org/rfc/rfc3339#section-5.6"""

Timestamp = datetime
"""An aware time, told in UTC."""
