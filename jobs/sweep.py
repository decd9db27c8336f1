"""The job that cleans up: expired leases, failed jobs of resumed senders, phone numbers without a region."""

from __future__ import annotations

import logs
from jobs.worker.runtime import Runtime, current_runtime
from store import churches, contacts, deliveries
from store.database import system_scope

log = logs.get_logger(__name__)

NUMBERS_AT_ONCE = 2000


def sweep() -> None:
    """Put deliveries with expired leases in doubt, withdraw failed jobs of resumed senders, find numbers' regions."""
    runtime = current_runtime()
    with system_scope(runtime.database) as connection:
        held = deliveries.expire_leases(connection)
    if held:
        log.warning("leases expired: deliveries in doubt, to be looked up at the carrier", deliveries=held)
    _withdraw_failed_jobs(runtime)
    with system_scope(runtime.database) as connection:
        phones = dict(contacts.lock_unlocated(connection, limit=NUMBERS_AT_ONCE))
        if phones:
            contacts.locate_numbers(connection, phones)


def _withdraw_failed_jobs(runtime: Runtime) -> None:
    """Those of senders that were resumed. One that cannot be withdrawn now is withdrawn the next time."""
    with system_scope(runtime.database) as connection:
        jobs = churches.failed_jobs_of_resumed(connection)
    for job in jobs:
        if runtime.job_queue.withdraw_failed(job.channel, job.job_id):
            with system_scope(runtime.database) as connection:
                churches.forget_failed_job(connection, job)
