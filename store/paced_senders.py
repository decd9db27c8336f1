"""When the senders that have a pace may send next. store/claims.py claims for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from store import sql

_SQL = sql.load("paced_senders")


def schedule_claims(connection: Connection[Any]) -> list[str]:
    """Schedule claims for paced senders that had nothing due and have now. Returns the channels with claims to make."""
    connection.execute(_SQL["schedule_claims"], {"church_ids": None, "channel": None})
    return [channel for (channel,) in connection.execute(_SQL["channels_to_claim"])]


def schedule_claims_for(connection: Connection[Any], church_ids: Sequence[UUID], *, channel: str) -> set[UUID]:
    """Schedule claims for those of the churches that have a pace and something due. Returns all that have a pace."""
    names = {"church_ids": list(church_ids), "channel": channel}
    paced = {church_id for (church_id,) in connection.execute(_SQL["paced_among"], names)}
    if paced:
        connection.execute(_SQL["schedule_claims"], {**names, "church_ids": list(paced)})
    return paced


def seconds_to_next_claim(connection: Connection[Any], *, channel: str) -> float | None:
    """Returns how long until a paced sender of the channel may send, 0 if one may now; None if none has any due."""
    row = connection.execute(_SQL["seconds_to_next_claim"], {"channel": channel}).fetchone()
    return None if row is None or row[0] is None else max(0.0, row[0])
