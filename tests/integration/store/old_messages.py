"""Makes messages old: settled long ago, and counted for good by the product."""

from __future__ import annotations

from store import message_totals
from store.database import system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger

_SETTLE = """
UPDATE messages
SET completed_at = now() - %(days)s * interval '1 day', settled_at = now() - %(days)s * interval '1 day',
    total_due_at = now()
WHERE message_id = %(message)s
"""


def age(ledger: Ledger, message: Message, *, days: float) -> Message:
    """Let the message have been settled `days` ago, and count its deliveries for good."""
    ledger.query(_SETTLE, message=message.message_id, days=days)
    recount(ledger)
    return message


def recount(ledger: Ledger) -> None:
    """Count all messages that are due, as the job `roll_up` does."""
    with system_scope(ledger.database) as connection:
        message_totals.take_recount_requests(connection, limit=1000)
    with system_scope(ledger.database) as connection:
        message_totals.count_due(connection, limit=1000)
