"""Turn a message's target into deliveries."""

from __future__ import annotations

from uuid import UUID

import logs
from channels.registry import CHANNELS
from jobs import runtime
from store import messages
from store.database import system_scope

log = logs.get_logger(__name__)


def expand_message(church_id: str, message_id: str, request_id: str) -> None:
    """Write the deliveries of a message whose hour has come, once, and ring for the church's turn."""
    run = runtime.current()
    church, message = UUID(church_id), UUID(message_id)
    with logs.bound(request_id=request_id, church_id=church_id, message_id=message_id):
        with system_scope(run.database) as connection:
            found = messages.get(connection, church_id=church, message_id=message)
            if found is None:
                log.error("no such message")
                return
            kind = CHANNELS[found.channel].address_kind
            written = messages.expand(connection, church_id=church, message_id=message, address_kind=kind)
        log.info("audience written", deliveries=written)
    run.doorbell.ring_turn(channel=found.channel, church_id=church)
