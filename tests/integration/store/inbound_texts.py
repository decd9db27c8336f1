"""Inbound messages for tests: stored as the carrier's webhook stores them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from tests.integration.store.ledger import Ledger

_INSERT = """
INSERT INTO inbound_messages (
    inbound_message_id, church_id, channel, carrier_id, from_address, to_address, content, keyword, received_at
)
VALUES (
    uuidv7(-%(ago)s::interval), %(church_id)s, 'sms', %(carrier_id)s, %(sender)s, '+15005550006', %(content)s,
    %(keyword)s, now() - %(ago)s::interval
)
RETURNING inbound_message_id
"""


def receive(
    ledger: Ledger,
    church_id: UUID,
    sender: str,
    content: str = "Thank you!",
    *,
    keyword: str | None = None,
    ago: timedelta = timedelta(),
) -> UUID:
    """Stores what a person wrote to the church, some time ago. Returns its id."""
    [(inbound_message_id,)] = ledger.query(
        _INSERT,
        church_id=church_id,
        carrier_id=f"SM{uuid4().hex}",
        sender=sender,
        content=content,
        keyword=keyword,
        ago=ago,
    )
    return inbound_message_id
