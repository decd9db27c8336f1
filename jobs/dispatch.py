"""Ring for everything that is due: messages whose hour has come, churches with something to send, receipts."""

from __future__ import annotations

from jobs import runtime
from store import deliveries, messages, receipts
from store.database import system_scope


def dispatch() -> None:
    """Ring for all that is due. What was rung for already and still waits is not rung for twice."""
    run = runtime.current()
    with system_scope(run.database) as connection:
        expansions = messages.channels_to_expand(connection)
        turns = deliveries.due_turns(connection)
        messages.complete(connection)
        receipts_wait = receipts.any_unapplied(connection)
    if receipts_wait:
        run.doorbell.ring_receipts()
    for channel in expansions:
        run.doorbell.ring_expansion(channel=channel)
    for church_id, channel in turns:
        run.doorbell.ring_turn(channel=channel, church_id=church_id)
