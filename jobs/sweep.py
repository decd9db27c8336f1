"""Find what was left lying: leases that ran out, failed jobs of senders that were resumed, numbers that nobody asked
where they are from.
"""

from __future__ import annotations

import logs
from jobs.worker.runtime import Runtime, current_runtime
from store import churches, contacts, deliveries
from store.database import system_scope

log = logs.get_logger(__name__)

NUMBERS_AT_ONCE = 2000


def sweep() -> None:
    """Put in doubt deliveries whose claimer went silent, withdraw what need not be mended, and place numbers."""
    runtime = current_runtime()
    with system_scope(runtime.database) as connection:
        held = deliveries.expire_leases(connection)
    if held:
        log.warning("leases ran out: to be looked for at the carrier", deliveries=held)
    _withdraw_failed_jobs(runtime)
    with system_scope(runtime.database) as connection:
        phones = dict(contacts.not_located(connection, limit=NUMBERS_AT_ONCE))
        if phones:
            contacts.locate_numbers(connection, phones)


def _withdraw_failed_jobs(runtime: Runtime) -> None:
    """Those of senders that were resumed. What Redis does not let go now is tried again."""
    with system_scope(runtime.database) as connection:
        jobs = churches.failed_jobs_of_resumed(connection)
    for job in jobs:
        if runtime.job_queue.withdraw_failed(job.channel, job.job_id):
            with system_scope(runtime.database) as connection:
                churches.forget_failed_job(connection, job)
