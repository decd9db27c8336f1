"""Rolls up, lets time pass, and compares the totals of messages with a fresh count of their deliveries."""

from __future__ import annotations

from typing import Any

from messaging.states import Status
from store import message_lifecycle, message_totals
from store.database import system_scope
from store.messages import Message
from tests.integration.store.ledger import Ledger

Totals = dict[tuple[Status, str], tuple[int, int]]
"""Deliveries and segments by status and reason."""

FRESH_COUNT = """
SELECT status, CASE WHEN status IN ('suppressed', 'failed', 'undelivered') THEN coalesce(
           CASE WHEN reason IN ('too late to be sent', 'decided by a person', 'opted out') THEN reason END,
           error_code, reason, ''
       ) ELSE '' END AS cause, count(*), sum(messages.segments)
FROM deliveries
JOIN messages USING (message_id)
WHERE message_id = %(id)s
GROUP BY 1, 2
"""
"""For deliveries with the reasons and codes of these tests."""


def roll_up(ledger: Ledger, *, limit: int = 50, is_backlog: bool = False) -> int | None:
    """Counts what is due, as the job does, and returns how many messages."""
    with system_scope(ledger.database) as connection:
        message_totals.take_recount_requests(connection, limit=1000)
    with system_scope(ledger.database) as connection:
        return message_totals.count_due(connection, limit=limit, is_backlog=is_backlog)


def totals(ledger: Ledger, message: Message) -> Totals:
    return _by_status(
        ledger.query(
            "SELECT status, reason, deliveries, segments FROM message_totals WHERE message_id = %(id)s",
            id=message.message_id,
        )
    )


def fresh_count(ledger: Ledger, message: Message) -> Totals:
    return _by_status(ledger.query(FRESH_COUNT, id=message.message_id))


def _by_status(rows: list[tuple[Any, ...]]) -> Totals:
    return {(Status(status), reason): (deliveries, segments) for status, reason, deliveries, segments in rows}


def is_final(ledger: Ledger, message: Message) -> bool:
    [(is_due, is_totaled)] = ledger.query(
        "SELECT total_due_at IS NOT NULL, totaled_at IS NOT NULL FROM messages WHERE message_id = %(id)s",
        id=message.message_id,
    )
    assert is_due is not is_totaled
    return is_totaled


def settle(ledger: Ledger) -> None:
    """Completes and settles what can be, as long after it was sent as receipts are expected."""
    ledger.complete()
    ledger.query("UPDATE messages SET completed_at = completed_at - interval '4 days'")
    with system_scope(ledger.database) as connection:
        message_lifecycle.set_settled_at(connection, give_up_seconds=3 * 86400)


def let_time_pass(ledger: Ledger) -> None:
    """Until every message is due that is to be counted again, and everything that is settled has been so for long."""
    ledger.query("UPDATE messages SET settled_at = settled_at - interval '1 hour' WHERE settled_at IS NOT NULL")
    ledger.query("UPDATE messages SET total_due_at = now() WHERE total_due_at IS NOT NULL")


def count_finally(ledger: Ledger) -> None:
    settle(ledger)
    let_time_pass(ledger)
    roll_up(ledger)
