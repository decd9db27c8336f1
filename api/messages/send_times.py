"""Converts `sendAt` to an instant, which may need the church's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from api import problems
from api.messages.composition import MAX_AHEAD, TOO_FAR
from api.problems import FieldError, RequestRefused
from messaging.wall_time import find_zone, to_instant
from store import churches


def due_at(connection: Connection[Any], *, church_id: UUID, send_at: datetime | None) -> datetime | None:
    """Return the instant in UTC, or None for now or a time in the past. Raises RequestRefused (422).

    Reads the church's time zone only for a local time.
    """
    now = datetime.now(UTC)
    if send_at is not None and send_at.tzinfo is None:
        church = churches.get(connection, church_id)
        assert church is not None  # noqa: S101 - its key was just verified
        send_at = to_instant(send_at, find_zone(church.time_zone))
    if send_at is None or send_at <= now:
        return None
    if send_at - now > MAX_AHEAD:
        error = FieldError(field="sendAt", message=TOO_FAR)
        raise RequestRefused(problems.INVALID, "Some fields of the body have errors.", errors=[error])
    return send_at
