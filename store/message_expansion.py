"""Expansion: inserts one delivery for each recipient of a message."""

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
    """How many deliveries were written, and how many of them failed because of the church's daily limit."""

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
    """Write the message's deliveries; none if that was done before or the message is not due yet.

    `address_kind` selects the address of a contact. `keeps_quiet_hours`: whether deliveries wait for the texting hours.
    `segment_weight`: how much a segment counts against the church's daily limit. The defaults apply to churches without
    a limit or regions of their own; None: everything is allowed.
    """
    names = {"church_id": church_id, "message_id": message_id}
    numbers: Sequence[str] = ()
    if address_kind is AddressKind.PHONE:
        found = connection.execute(_SQL["find_unlocated_numbers"], names).fetchone()
        if found is None:
            return Expansion(written=0, beyond_limit=0)
        numbers, has_unlocated_contacts = found[0] or (), found[1]
        if has_unlocated_contacts:
            contacts.locate_church_numbers(connection, church_id=church_id)
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
    written, queued, expanded_now = row if row else (0, 0, False)
    if not expanded_now or not segment_weight:
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
    """Lock and return the message that has been due for expansion the longest."""
    with connection.cursor(row_factory=class_row(DueExpansion)) as cursor:
        cursor.execute(_SQL["next_expansion"], {"channel": channel, "excluded_ids": list(excluded_ids)})
        return cursor.fetchone()


def channels_to_expand(connection: Connection[Any]) -> list[str]:
    """Returns the channels with messages that are due for expansion."""
    return [channel for (channel,) in connection.execute(_SQL["channels_to_expand"]).fetchall()]
