"""A table with a history: finished deliveries of many churches and messages, by SQL."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import Connection

CHURCHES = 200
PER_MESSAGE = 500
_CHUNK = 250_000
_SPAN_SECONDS = 366 * 86_400.0

# Ids and times lie in the past, in the order in which rows are written, as they would have been.
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
_FOUND = """
CREATE TEMPORARY TABLE past_churches AS
WITH made AS (
    INSERT INTO churches (name) SELECT 'Past ' || number FROM generate_series(1, %(churches)s) AS number
    RETURNING church_id
)
SELECT church_id, row_number() OVER () - 1 AS place FROM made
"""


class Past:
    """Fills the table up, further at each call. `ledger` is a superuser's connection that stays open meanwhile."""

    def __init__(self, ledger: Connection, *, most: int) -> None:
        """`most`: how many deliveries it will be in the end. They are a year's."""
        self._ledger = ledger
        self._apart_seconds = _SPAN_SECONDS / (most / PER_MESSAGE + 10)
        self._messages = 0
        self.deliveries = 0
        ledger.execute("SET synchronous_commit = off")
        ledger.execute(_FOUND, {"churches": CHURCHES})

    def fill_up(self, deliveries: int, *, tell: Callable[[str], None]) -> None:
        """Have as many finished deliveries in the table, and statistics and a visibility map as after a vacuum."""
        while (missing := deliveries - self.deliveries) > 0:
            tell(f"filling: {self.deliveries:,} of {deliveries:,} old deliveries")
            each = min(PER_MESSAGE, missing)
            count = max(1, min(_CHUNK, missing) // each)
            names = {"first": self._messages, "count": count, "churches": CHURCHES}
            times = {"apart": self._apart_seconds, "span": _SPAN_SECONDS}
            made = self._ledger.execute(_MESSAGES, {**names, **times}).fetchall()
            self._ledger.execute(_DELIVERIES, {"message_ids": [row[0] for row in made], "each": each})
            self._messages += count
            self.deliveries += count * each
        tell("filling: vacuum")
        self._ledger.execute("VACUUM (ANALYZE) messages, deliveries")
