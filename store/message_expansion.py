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
from store import audiences, contacts, daily_limits, sql
from store.daily_limits import CountedAudience, QueuedDeliveries

_SQL = sql.load("message_expansion")

SMALL_SIZE = 200
"""A message with at most this many recipients is expanded together with others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueExpansion:
    church_id: UUID
    message_id: UUID
    request_id: str
    is_small: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Expansion:
    """How many deliveries were written, and how many of them failed because of the church's limits."""

    written: int
    beyond_limit: int
    nearly_used: bool = False
    """As in CountedAudience."""


def lock_due(
    connection: Connection[Any], *, channel: str, limit: int, excluded_ids: Sequence[UUID] = ()
) -> list[DueExpansion]:
    """Lock and return the message that has been due the longest and, if it is small, up to `limit` small messages."""
    names = {"channel": channel, "small_size": SMALL_SIZE}
    with connection.cursor(row_factory=class_row(DueExpansion)) as cursor:
        due = cursor.execute(
            _SQL["lock_due_messages"],
            {**names, "only_small": False, "row_limit": 1, "excluded_ids": list(excluded_ids)},
        ).fetchall()
        if not due or not due[0].is_small or limit == 1:
            return due
        excluded = [*excluded_ids, due[0].message_id]
        others = cursor.execute(
            _SQL["lock_due_messages"],
            {**names, "only_small": True, "row_limit": limit - 1, "excluded_ids": excluded},
        ).fetchall()
        return due + others


def expand(
    connection: Connection[Any],
    *,
    message_ids: Sequence[UUID],
    address_kind: AddressKind,
    keeps_quiet_hours: bool,
    segment_weight: int = 0,
    default_limit: int | None = None,
    default_regions: Sequence[str] | None = None,
) -> dict[UUID, Expansion]:
    """Write the deliveries of messages of one channel, of any churches. Returns those that were due and not expanded.

    `address_kind` selects the address of a contact. `keeps_quiet_hours`: whether deliveries wait for the texting hours.
    `segment_weight`: how much a segment counts against a church's daily limit. The defaults apply to churches without
    a limit or regions of their own; None: everything is allowed.
    """
    if address_kind is AddressKind.PHONE:
        _locate_numbers(connection, message_ids)
    rows = connection.execute(
        _SQL["expand_messages"],
        {
            "message_ids": list(message_ids),
            "address_kind": address_kind.value,
            "keeps_quiet_hours": keeps_quiet_hours,
            "default_regions": None if default_regions is None else list(default_regions),
            **audiences.NO_SMART_GROUPS,
        },
    ).fetchall()
    queued = {
        message_id: QueuedDeliveries(deliveries=count, segments=segments) for message_id, _, count, segments in rows
    }
    counted: dict[UUID, CountedAudience] = {}
    if queued and segment_weight:
        counted = daily_limits.count_audiences(
            connection, queued=queued, segment_weight=segment_weight, default_limit=default_limit
        )
    return {
        message_id: _expansion(written=written, queued=count, audience=counted.get(message_id))
        for message_id, written, count, _ in rows
    }


def _expansion(*, written: int, queued: int, audience: CountedAudience | None) -> Expansion:
    if audience is None:
        return Expansion(written=written, beyond_limit=0)
    return Expansion(written=written, beyond_limit=queued - audience.sent, nearly_used=audience.nearly_used)


def _locate_numbers(connection: Connection[Any], message_ids: Sequence[UUID]) -> None:
    """Store the regions of numbers that have none yet. Churches are in one order, so that two calls do not deadlock."""
    unlocated = connection.execute(_SQL["find_unlocated_numbers"], {"message_ids": list(message_ids)}).fetchall()
    for church_id in dict.fromkeys(church_id for church_id, _, numbers in unlocated if numbers is None):
        contacts.locate_church_numbers(connection, church_id=church_id)
    for _, message_id, numbers in unlocated:
        if numbers is not None:
            regions = [number_region(number) for number in numbers]
            connection.execute(_SQL["store_number_regions"], {"message_id": message_id, "number_regions": regions})


def channels_to_expand(connection: Connection[Any]) -> list[str]:
    """Returns the channels with messages that are due for expansion."""
    return [channel for (channel,) in connection.execute(_SQL["channels_to_expand"]).fetchall()]
