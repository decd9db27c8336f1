"""Find what was left lying: leases that ran out."""

from __future__ import annotations

import logs
from jobs import runtime
from store import deliveries
from store.database import system_scope

log = logs.get_logger(__name__)


def sweep() -> None:
    """Put in doubt deliveries whose claimer went silent."""
    run = runtime.current()
    with system_scope(run.database) as connection:
        held = deliveries.expire_leases(connection)
    if held:
        log.warning("leases ran out: to be looked for at the carrier", deliveries=held)
