"""What is removed after some time: in slices that are transactions of their own, each of a bounded number of rows.

Every function may run twice, beside itself, and be killed at any point: the next call goes on. Only what is final is
touched: no delivery that is queued, being sent or in doubt, and none of a message that is not settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import sql

_SQL = sql.load("retention")


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubts:
    """Since when what was sent must be kept, because deliveries are in doubt."""

    since_by_church: Mapping[UUID, datetime]

    @property
    def since(self) -> datetime | None:
        """Since when for some church; None if no delivery is in doubt."""
        return min(self.since_by_church.values(), default=None)

    @property
    def parameters(self) -> dict[str, object]:
        return {
            "doubted_church_ids": list(self.since_by_church),
            "doubted_since": list(self.since_by_church.values()),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedMessages:
    marked: int
    """Messages whose deliveries may be deleted now."""
    recounts: int
    """Messages whose totals do not agree with their deliveries: they are counted again, and stay until then."""


def find_doubts(connection: Connection[Any], *, limit: int) -> Doubts | None:
    """Returns what deliveries in doubt keep; None if `limit` or more are in doubt: then not all of them are known."""
    found = connection.execute(_SQL["find_doubts"], {"row_limit": limit}).fetchall()
    if sum(deliveries for _, _, deliveries in found) >= limit:
        return None
    return Doubts(since_by_church={church_id: since for church_id, since, _ in found})


def begin_pruning(
    connection: Connection[Any], *, kept_days: int, doubts: Doubts, limit: int, delivery_limit: int
) -> MarkedMessages:
    """Mark messages that were settled more than `kept_days` ago: their counts are those of their totals from now on.

    At most `limit` messages, and no more once they have `delivery_limit` deliveries together.
    """
    names = {"kept_days": kept_days, "row_limit": limit, "delivery_limit": delivery_limit, **doubts.parameters}
    with connection.cursor(row_factory=class_row(MarkedMessages)) as cursor:
        marked = cursor.execute(_SQL["begin_pruning"], names).fetchone()
    assert marked is not None  # noqa: S101 - counts are always returned
    return marked


def delete_deliveries(connection: Connection[Any], *, limit: int) -> int:
    """Delete up to `limit` deliveries of marked messages, and return how many."""
    return _count(connection, _SQL["delete_deliveries"], row_limit=limit)


def finish_pruning(connection: Connection[Any], *, limit: int) -> None:
    """Mark messages of which the last delivery is deleted."""
    connection.execute(_SQL["finish_pruning"], {"row_limit": limit})


def delete_receipts(
    connection: Connection[Any], *, kept_days: int, doubts: Doubts, limit: int, after: int
) -> tuple[int, int]:
    """Delete up to `limit` applied receipts with ids above `after`. Returns how many, and the last id."""
    names = {"kept_days": kept_days, "row_limit": limit, "after": after, "doubted_since": doubts.since}
    row = connection.execute(_SQL["delete_receipts"], names).fetchone()
    deleted, last = row or (0, None)
    return deleted, after if last is None else last


def redact_deliveries(connection: Connection[Any], *, kept_days: int, doubts: Doubts, limit: int) -> int:
    """Remove the addresses of up to `limit` deliveries of messages settled more than `kept_days` ago."""
    return _count(connection, _SQL["redact_deliveries"], kept_days=kept_days, row_limit=limit, **doubts.parameters)


def redact_messages(connection: Connection[Any], *, kept_days: int, doubts: Doubts, limit: int) -> int:
    """Remove the texts of up to `limit` messages whose deliveries have no addresses left."""
    return _count(connection, _SQL["redact_messages"], kept_days=kept_days, row_limit=limit, **doubts.parameters)


def redact_inbound_messages(connection: Connection[Any], *, kept_days: int, limit: int) -> int:
    """Remove the texts and numbers of up to `limit` messages that people wrote more than `kept_days` ago."""
    return _count(connection, _SQL["redact_inbound_messages"], kept_days=kept_days, row_limit=limit)


def delete_conversations(connection: Connection[Any], *, kept_days: int, limit: int) -> int:
    """Delete up to `limit` conversations without a text of the last `kept_days`."""
    return _count(connection, _SQL["delete_conversations"], kept_days=kept_days, row_limit=limit)


def delete_schedule_runs(connection: Connection[Any], *, kept_days: int, limit: int) -> int:
    """Delete up to `limit` records of runs of schedules that are older than `kept_days`."""
    return _count(connection, _SQL["delete_schedule_runs"], kept_days=kept_days, row_limit=limit)


def delete_refused_callbacks(connection: Connection[Any], *, kept_days: int) -> None:
    """Delete the daily counts of refused callbacks that are older than `kept_days`: a row a day and channel."""
    connection.execute(_SQL["delete_refused_callbacks"], {"kept_days": kept_days})


def _count(connection: Connection[Any], query: LiteralString, **names: object) -> int:
    row = connection.execute(query, names).fetchone()
    return row[0] if row else 0
