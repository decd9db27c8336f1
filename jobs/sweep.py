"""The job for expired leases, finished messages, failed jobs of resumed senders, new numbers, and counters."""

from __future__ import annotations

import logs
from jobs.worker.runtime import Runtime, current_runtime
from store import contacts, deliveries, message_lifecycle, metrics, senders
from store.database import system_scope

log = logs.get_logger(__name__)

NUMBERS_AT_ONCE = 2000
"""The most phone numbers whose region and time zones one job determines."""
CHANGES_AT_ONCE = 10_000
"""The most changes of counters that one job adds up. A busy minute has some thousands."""


def sweep() -> None:
    """Mark deliveries with expired leases as in doubt, complete messages, withdraw failed jobs, locate numbers.

    Most messages are completed when their last result is recorded; here those that were missed. Counters are added up,
    so that reading them stays cheap.
    """
    runtime = current_runtime()
    with system_scope(runtime.database) as connection:
        expired = deliveries.expire_leases(connection)
    if expired:
        log.warning("leases expired: deliveries in doubt, to be looked up at the carrier", deliveries=expired)
    with system_scope(runtime.database) as connection:
        message_lifecycle.complete(connection)
    _withdraw_failed_jobs(runtime)
    with system_scope(runtime.database) as connection:
        phones = dict(contacts.lock_unlocated(connection, limit=NUMBERS_AT_ONCE))
        if phones:
            contacts.locate_numbers(connection, phones)
    with system_scope(runtime.database) as connection:
        metrics.fold(connection, limit=CHANGES_AT_ONCE)


def _withdraw_failed_jobs(runtime: Runtime) -> None:
    """Withdraw the failed jobs of senders that were resumed. A job that cannot be withdrawn now is tried next time."""
    with system_scope(runtime.database) as connection:
        jobs = senders.failed_jobs_of_resumed(connection)
    for job in jobs:
        if runtime.job_queue.withdraw_failed(job.channel, job.job_id):
            with system_scope(runtime.database) as connection:
                senders.forget_failed_job(connection, job)
