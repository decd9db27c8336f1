"""Cursors of lists that are ordered by a time and, within it, by an id."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, WithJsonSchema

from api.base_models import field_error
from store.conversations import Place

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_TIME_BYTES = 8


def write_place(place: Place) -> str:
    """Return the cursor of the page before this place: its time in microseconds, and its id."""
    elapsed = (place.at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(elapsed.to_bytes(_TIME_BYTES) + place.id.bytes).decode()


def _read_place(text: Any) -> Any:
    try:
        raw = base64.b64decode(str(text), altchars=b"-_", validate=True)
        elapsed = timedelta(microseconds=int.from_bytes(raw[:_TIME_BYTES]))
        place = Place(at=_EPOCH + elapsed, id=UUID(bytes=raw[_TIME_BYTES:]))
    except (ValueError, OverflowError, binascii.Error):
        raise field_error("is not valid: use the `next` of an earlier response") from None
    if place.at > _LATEST or write_place(place) != text:
        raise field_error("is not valid: use the `next` of an earlier response")
    return place


PlaceCursor = Annotated[
    Place | None,
    BeforeValidator(_read_place),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"}),
]
"""The `cursor` of such a list."""
