"""Find what was left lying: leases that ran out, numbers that nobody asked where they are from."""

from __future__ import annotations

import logs
from jobs import runtime
from store import contacts, deliveries
from store.database import system_scope

log = logs.get_logger(__name__)

NUMBERS_AT_ONCE = 2000


def sweep() -> None:
    """Put in doubt deliveries whose claimer went silent, and place numbers that were not."""
    run = runtime.current()
    with system_scope(run.database) as connection:
        held = deliveries.expire_leases(connection)
    if held:
        log.warning("leases ran out: to be looked for at the carrier", deliveries=held)
    with system_scope(run.database) as connection:
        phones = dict(contacts.unplaced(connection, limit=NUMBERS_AT_ONCE))
        if phones:
            contacts.place_numbers(connection, phones)
