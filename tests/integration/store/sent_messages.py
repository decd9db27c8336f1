"""Inserts messages of the past with deliveries in given statuses, settled long ago."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from store.database import system_scope
from tests.integration.store.ledger import Ledger

INSERT_MESSAGE = """
INSERT INTO messages (
    church_id, channel, content, segments, target_type, target, request_hash, request_id, send_at, expanded_at,
    completed_at, settled_at
)
VALUES (
    %(church_id)s, %(channel)s, 'Amen', %(segments)s, 'all', '{}', '', 'r', %(at)s, %(at)s, %(at)s,
    CASE WHEN %(is_settled)s THEN %(at)s END
)
RETURNING message_id
"""
INSERT_DELIVERY = """
INSERT INTO deliveries (
    message_id, church_id, due_at, updated_at, status, channel, address, error_code, lease_until
)
VALUES (
    %(message_id)s, %(church_id)s, %(at)s, %(at)s::timestamptz + %(seconds)s * interval '1 second',
    %(status)s::delivery_status, %(channel)s, %(address)s, %(code)s, CASE WHEN %(status)s = 'sending' THEN now() END
)
"""


def insert_sent(
    ledger: Ledger,
    church_id: UUID,
    at: datetime,
    *deliveries: tuple[str, str | None, float],
    channel: str = "sms",
    segments: int = 1,
    is_settled: bool = True,
) -> UUID:
    """Inserts a message that was due `at`, with deliveries (status, error code, seconds that it took).

    Returns its id.
    """
    names = {"church_id": church_id, "channel": channel, "at": at, "segments": segments, "is_settled": is_settled}
    with system_scope(ledger.database) as connection:
        row = connection.execute(INSERT_MESSAGE.encode(), names).fetchone()
        assert row is not None
        for number, (status, code, seconds) in enumerate(deliveries):
            delivery = {
                "message_id": row[0],
                "status": status,
                "code": code,
                "seconds": seconds,
                "address": f"+1202555{number:04}",
            }
            connection.execute(INSERT_DELIVERY.encode(), {**names, **delivery})
    return row[0]
