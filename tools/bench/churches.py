"""Creates churches and contacts, and deletes messages, by SQL."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection, sql

FIRST_PHONE = 3_000_000_000
"""+1 followed by this is the first contact's number. Peers use the same numbers."""

_SCOPES = ["messages:write", "messages:read", "contacts:write", "contacts:read"]

# Texting hours are unlimited, so that benchmarks run at night too.
_CREATE_CHURCH = """
WITH church AS (
    INSERT INTO churches (name, window_opens, window_closes, daily_segment_limit)
    VALUES (%(name)s, 0, 1440, 1000000000)
    RETURNING church_id
), sender AS (
    INSERT INTO senders (church_id, channel, address, segments_per_second)
    SELECT church_id, 'sms', %(sender)s, %(pace)s FROM church
), key AS (
    INSERT INTO api_keys (church_id, label, secret_hash, scopes)
    SELECT church_id, 'bench', %(hash)s, %(scopes)s FROM church
)
SELECT church_id::text FROM church
"""
# With the same time zone and region as the API would store, so that the sweep does not change them.
_CREATE_CONTACTS = """
INSERT INTO contacts (church_id, name, phone, number_zones, number_region)
SELECT %(church_id)s, 'Person ' || number, '+1' || (%(first)s::bigint + number), 'America/New_York', 'US'
FROM generate_series(0, %(count)s::bigint - 1) AS number
"""


@dataclass(frozen=True, kw_only=True)
class Church:
    church_id: str
    key: str
    sender: str
    """The number it sends from. It identifies the church in the carrier's ledger."""
    members: int


def create_churches(ledger: Connection, sizes: Sequence[int], *, paces: Sequence[float | None] = ()) -> list[Church]:
    """Create a church for each of `sizes` (members), with distinct numbers; `paces` in segments a second.

    `ledger` is a superuser's connection. The tables must be empty of churches.
    """
    churches: list[Church] = []
    first = FIRST_PHONE
    for place, size in enumerate(sizes):
        key = f"ksms_{secrets.token_urlsafe(32)}"
        sender = f"+1202{5_550_000 + place}"
        row = ledger.execute(
            _CREATE_CHURCH,
            {
                "name": f"Church {place}",
                "sender": sender,
                "pace": paces[place] if paces else None,
                "hash": hashlib.sha256(key.encode()).digest(),
                "scopes": _SCOPES,
            },
        ).fetchone()
        assert row is not None  # noqa: S101
        ledger.execute(_CREATE_CONTACTS, {"church_id": row[0], "first": first, "count": size})
        first += size
        churches.append(Church(church_id=row[0], key=key, sender=sender, members=size))
    ledger.execute("VACUUM (ANALYZE) contacts, churches, senders, api_keys")
    return churches


def empty(ledger: Connection, *tables: str) -> None:
    """Delete all rows of the tables and of the tables that refer to them."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    ledger.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))


def delete_sends(ledger: Connection) -> None:
    """Delete all messages, deliveries and receipts; churches, keys and contacts stay."""
    empty(ledger, "messages", "deliveries", "receipts", "daily_totals", "message_totals", "recount_requests")


def delete_all(ledger: Connection) -> None:
    """Delete all churches, with everything that belongs to them."""
    empty(
        ledger, "churches", "messages", "deliveries", "receipts", "daily_totals", "message_totals", "recount_requests"
    )
