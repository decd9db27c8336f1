"""Fills the tables with finished deliveries of many churches and messages, by SQL."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import Connection

CHURCHES = 200
PER_MESSAGE = 500
_CHUNK = 250_000
_SPAN_SECONDS = 366 * 86_400.0

# Ids and times lie in the past, in the order of insertion, as if the messages had been sent over a year.
_MESSAGES = """
INSERT INTO messages (
    message_id, church_id, channel, content, segments, target_type, target, request_hash, request_id,
    send_at, created_at, expanded_at, completed_at, settled_at
)
SELECT uuidv7(past.ago), past_churches.church_id, 'sms', 'Service moves to 10:30', 1, 'all', '{}', '\\x00', 'bench',
       now() + past.ago, now() + past.ago, now() + past.ago, now() + past.ago, now() + past.ago
FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s::bigint - 1) AS number
CROSS JOIN LATERAL (SELECT (number * %(apart)s - %(span)s) * interval '1 second' AS ago) AS past
JOIN past_churches ON past_churches.place = number %% %(churches)s
RETURNING message_id
"""
_DELIVERIES = """
INSERT INTO deliveries (
    delivery_id, message_id, church_id, channel, address, status, due_at, updated_at, attempts, carrier_id
)
SELECT uuidv7(messages.send_at - now()), messages.message_id, messages.church_id, 'sms',
       '+1' || (4000000000 + number), CASE WHEN number %% 20 = 0 THEN 'sent' ELSE 'delivered' END::delivery_status,
       messages.send_at, messages.send_at, 1, 'SM' || md5(messages.message_id::text || number)
FROM messages
CROSS JOIN generate_series(1, %(each)s) AS number
WHERE messages.message_id = ANY (%(message_ids)s)
ORDER BY messages.message_id
"""
_CREATE_CHURCHES = """
CREATE TEMPORARY TABLE past_churches AS
WITH made AS (
    INSERT INTO churches (name) SELECT 'Past ' || number FROM generate_series(1, %(churches)s) AS number
    RETURNING church_id
)
SELECT church_id, row_number() OVER () - 1 AS place FROM made
"""


class OldDeliveries:
    """Adds old deliveries up to a growing number. `ledger` is a superuser's connection that stays open."""

    def __init__(self, ledger: Connection, *, most: int) -> None:
        """`most`: the final number of deliveries, which are spread over a year."""
        self._ledger = ledger
        self._apart_seconds = _SPAN_SECONDS / (most / PER_MESSAGE + 10)
        self._messages = 0
        self.count = 0
        ledger.execute("SET synchronous_commit = off")
        ledger.execute(_CREATE_CHURCHES, {"churches": CHURCHES})

    def fill_up(self, deliveries: int, *, report: Callable[[str], None]) -> None:
        """Add finished deliveries until there are this many, then vacuum and analyze."""
        while (missing := deliveries - self.count) > 0:
            report(f"filling: {self.count:,} of {deliveries:,} old deliveries")
            each = min(PER_MESSAGE, missing)
            count = max(1, min(_CHUNK, missing) // each)
            names = {"first": self._messages, "count": count, "churches": CHURCHES}
            times = {"apart": self._apart_seconds, "span": _SPAN_SECONDS}
            made = self._ledger.execute(_MESSAGES, {**names, **times}).fetchall()
            self._ledger.execute(_DELIVERIES, {"message_ids": [row[0] for row in made], "each": each})
            self._messages += count
            self.count += count * each
        report("filling: vacuum")
        self._ledger.execute("VACUUM (ANALYZE) messages, deliveries")
