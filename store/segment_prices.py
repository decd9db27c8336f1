"""What a segment costs: prices of a church, or of every church without its own, each from a day on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from store import audit, sql
from store.audit import Actor

_SQL = sql.load("segment_prices")


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentPrice:
    """The price of one segment of a text, of one picture message, or of one mail, from a day on.

    `per_segment` and `currency` (ISO 4217) are None if the church has no price of its own from that day on.
    """

    channel: str
    valid_from: date
    per_segment: Decimal | None
    currency: str | None


class MonthIsOver(Exception):
    """A price cannot begin in a month that is over: what its segments cost does not change any more."""


def set_price(connection: Connection[Any], price: SegmentPrice, *, church_id: UUID | None, actor: Actor) -> None:
    """Store the price of a church, or (None) of every church without its own. The change is in the audit.

    Raises MonthIsOver.
    """
    names = {
        "church_id": church_id,
        "channel": price.channel,
        "valid_from": price.valid_from,
        "per_segment": price.per_segment,
        "currency": price.currency,
    }
    if connection.execute(_SQL["set_price"], names).fetchone() is None:
        raise MonthIsOver
    audit.record(
        connection,
        actor=actor,
        action="price.changed",
        subject=price.channel,
        church_id=church_id,
        details={
            "from": price.valid_from.isoformat(),
            "perSegment": None if price.per_segment is None else str(price.per_segment),
            "currency": price.currency,
        },
    )


def list_prices(connection: Connection[Any], church_id: UUID | None) -> Sequence[SegmentPrice]:
    """Returns the prices of a church, or (None) those of every church without its own, by channel and day."""
    with connection.cursor(row_factory=class_row(SegmentPrice)) as cursor:
        return cursor.execute(_SQL["list_prices"], {"church_id": church_id}).fetchall()
