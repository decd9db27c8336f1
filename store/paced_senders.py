"""When the senders that have a pace may send next. store/claims.py claims for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from store import sql

_SQL = sql.load("paced_senders")

_AT_ONCE = 1000
"""The most senders of one statement."""


def set_next_claims(connection: Connection[Any]) -> list[str]:
    """Set the next claim of paced senders that had nothing due and have now. Returns the channels to claim on."""
    _set_next_claims(connection, church_ids=None, channel=None)
    return [channel for (channel,) in connection.execute(_SQL["channels_to_claim"])]


def set_next_claims_of(connection: Connection[Any], church_ids: Sequence[UUID], *, channel: str) -> set[UUID]:
    """Do so for those of the churches that have a pace and something due. Returns all that have a pace."""
    names = {"church_ids": list(church_ids), "channel": channel}
    paced = {church_id for (church_id,) in connection.execute(_SQL["paced_among"], names)}
    if paced:
        _set_next_claims(connection, church_ids=list(paced), channel=channel)
    return paced


def seconds_to_next_claim(connection: Connection[Any], *, channel: str) -> float | None:
    """Returns how long until a paced sender of the channel may send, 0 if one may now.

    None if none is waiting to send, or all that are waiting are throttled.
    """
    row = connection.execute(_SQL["seconds_to_next_claim"], {"channel": channel}).fetchone()
    return None if row is None or row[0] is None else max(0.0, row[0])


def _set_next_claims(connection: Connection[Any], *, church_ids: list[UUID] | None, channel: str | None) -> None:
    names = {"church_ids": church_ids, "channel": channel, "row_limit": _AT_ONCE}
    while connection.execute(_SQL["set_next_claims"], names).rowcount == _AT_ONCE:
        pass
