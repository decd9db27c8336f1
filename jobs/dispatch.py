"""Ring for everything that is due: messages whose hour has come, churches with something to send, receipts."""

from __future__ import annotations

from jobs import runtime
from store import deliveries, messages, receipts
from store.database import system_scope

EXPANSIONS_AT_ONCE = 1000


def dispatch() -> None:
    """Ring for all that is due. What was rung for already and still waits is not rung for twice."""
    run = runtime.current()
    with system_scope(run.database) as connection:
        expansions = messages.due_expansions(connection, limit=EXPANSIONS_AT_ONCE)
        turns = deliveries.due_turns(connection)
        messages.complete(connection)
        receipts_wait = receipts.any_unapplied(connection)
    if receipts_wait:
        run.doorbell.ring_receipts()
    for due in expansions:
        run.doorbell.ring_expansion(
            channel=due.channel, church_id=due.church_id, message_id=due.message_id, request_id=due.request_id
        )
    for church_id, channel in turns:
        run.doorbell.ring_turn(channel=channel, church_id=church_id)
