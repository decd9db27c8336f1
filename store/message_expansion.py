"""Expansion: writing one delivery for each recipient of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from messaging.addresses import AddressKind
from messaging.number_regions import number_region
from store import contacts, daily_limits, sql

_SQL = sql.load("message_expansion")


@dataclass(frozen=True, kw_only=True, slots=True)
class DueExpansion:
    church_id: UUID
    message_id: UUID
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """How many deliveries were written for a message, and how many of them failed for the church's daily limit."""

    written: int
    beyond_limit: int


def expand(
    connection: Connection[Any],
    *,
    church_id: UUID,
    message_id: UUID,
    address_kind: AddressKind,
    keeps_quiet_hours: bool,
    segment_weight: int = 0,
    default_limit: int | None = None,
    default_regions: Sequence[str] | None = None,
) -> Expansion:
    """Write the message's deliveries; none if that was done before, or its hour has not come.

    `address_kind` says at which of their addresses contacts are reached, `keeps_quiet_hours` whether those who are
    outside the hours for texting wait for them, `segment_weight` what a segment takes of the church's daily limit.
    The defaults are for churches that have no limit or regions of their own; None: everything is allowed.
    """
    names = {"church_id": church_id, "message_id": message_id}
    numbers: Sequence[str] = ()
    if address_kind is AddressKind.PHONE:
        found = connection.execute(_SQL["find_unjudged"], names).fetchone()
        if found is None:
            return Expansion(written=0, beyond_limit=0)
        numbers, unjudged_contacts = found[0] or (), found[1]
        if unjudged_contacts:
            contacts.locate_numbers_of(connection, church_id=church_id)
    row = connection.execute(
        _SQL["expand_message"],
        {
            **names,
            "address_kind": address_kind.value,
            "keeps_quiet_hours": keeps_quiet_hours,
            "number_regions": [number_region(number) for number in numbers],
            "default_regions": None if default_regions is None else list(default_regions),
        },
    ).fetchone()
    written, queued, done_now = row if row else (0, 0, False)
    if not done_now or not segment_weight:
        return Expansion(written=written, beyond_limit=0)
    sent = daily_limits.count_audience(
        connection,
        church_id=church_id,
        message_id=message_id,
        queued=queued,
        segment_weight=segment_weight,
        default_limit=default_limit,
    )
    return Expansion(written=written, beyond_limit=queued - sent)


def next_expansion(
    connection: Connection[Any], *, channel: str, excluded_ids: Sequence[UUID] = ()
) -> DueExpansion | None:
    """The message that waits longest for its audience to be written, held until the transaction ends."""
    with connection.cursor(row_factory=class_row(DueExpansion)) as cursor:
        cursor.execute(_SQL["next_expansion"], {"channel": channel, "excluded_ids": list(excluded_ids)})
        return cursor.fetchone()


def channels_to_expand(connection: Connection[Any]) -> list[str]:
    """The channels with messages whose hour has come and whose audience is not written yet."""
    return [channel for (channel,) in connection.execute(_SQL["channels_to_expand"]).fetchall()]
