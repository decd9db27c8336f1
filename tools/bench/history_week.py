"""Writes a week of deliveries by SQL as the product does: inserted, updated three times, with two receipts each."""

from __future__ import annotations

from typing import LiteralString

from psycopg import Connection

from tools.bench.history_fill import CHURCHES, PER_MESSAGE

_MESSAGES_AT_ONCE = 100

_MESSAGES = """
INSERT INTO messages (
    church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at, expanded_at
)
SELECT past_churches.church_id, 'sms', 'Service moves to 10:30 this Sunday. See you there!', 1, 'all', '{}', '\\x00',
       'bench', now(), now()
FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s::bigint - 1) AS number
JOIN past_churches ON past_churches.place = number %% %(churches)s
RETURNING message_id
"""
_STEPS: tuple[LiteralString, ...] = (
    """
    INSERT INTO deliveries (message_id, church_id, channel, address, time_zones, status, due_at)
    SELECT messages.message_id, messages.church_id, 'sms', '+1' || (4000000000 + number), 'America/New_York',
           'queued', now()
    FROM messages
    CROSS JOIN generate_series(1, %(each)s) AS number
    WHERE messages.message_id = ANY (%(ids)s)
    """,
    """
    UPDATE deliveries
    SET status = 'sending', attempts = 1, lease_until = now() + interval '2 minutes', updated_at = now()
    WHERE message_id = ANY (%(ids)s)
    """,
    """
    UPDATE deliveries
    SET status = 'sent', lease_until = NULL, updated_at = now(), carrier_id = 'SM' || md5(delivery_id::text)
    WHERE message_id = ANY (%(ids)s)
    """,
    """
    INSERT INTO receipts (delivery_id, attempt, carrier_id, status, applied_at)
    SELECT deliveries.delivery_id, 1, deliveries.carrier_id, reported.status::delivery_status,
           CASE reported.status WHEN 'sent' THEN now() END
    FROM deliveries
    CROSS JOIN (VALUES ('sent'), ('delivered')) AS reported (status)
    WHERE deliveries.message_id = ANY (%(ids)s)
    """,
    """
    WITH applied AS (
        UPDATE receipts
        SET applied_at = now()
        FROM deliveries
        WHERE deliveries.message_id = ANY (%(ids)s) AND receipts.carrier_id = deliveries.carrier_id
          AND receipts.status = 'delivered' AND receipts.applied_at IS NULL
        RETURNING deliveries.delivery_id
    )
    UPDATE deliveries
    SET status = 'delivered', updated_at = now()
    FROM applied
    WHERE deliveries.delivery_id = applied.delivery_id
    """,
    """
    INSERT INTO message_totals (message_id, church_id, channel, send_at, status, reason, deliveries, segments)
    SELECT message_id, church_id, channel, send_at, 'delivered', '', %(each)s, %(each)s
    FROM messages
    WHERE message_id = ANY (%(ids)s)
    """,
    "UPDATE messages SET completed_at = now() WHERE message_id = ANY (%(ids)s)",
    """
    UPDATE messages
    SET settled_at = now(), total_due_at = NULL, totaled_at = now()
    WHERE message_id = ANY (%(ids)s)
    """,
)


def write_week(ledger: Connection, deliveries: int) -> None:
    """Write so many deliveries, 10,000 in a statement. `ledger` is a superuser's connection in autocommit mode."""
    for first in range(0, deliveries // PER_MESSAGE, _MESSAGES_AT_ONCE):
        count = min(_MESSAGES_AT_ONCE, deliveries // PER_MESSAGE - first)
        names = {"first": first, "count": count, "churches": CHURCHES}
        ids = [row[0] for row in ledger.execute(_MESSAGES, names).fetchall()]
        for step in _STEPS:
            ledger.execute(step, {"ids": ids, "each": PER_MESSAGE})
