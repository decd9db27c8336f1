"""Make messages of the schedules that are due, and ring for everything that is: messages, turns, receipts."""

from __future__ import annotations

from jobs.job_queue.job_kinds import ENQUEUE_DUE
from jobs.run_schedules import run_schedules
from jobs.worker.runtime import Runtime, current_runtime
from store import deliveries, message_expansion, message_lifecycle, receipts
from store.database import system_scope


def enqueue_due() -> None:
    """Make and ring for all that is due. What was rung for already and still waits is not rung for twice.

    What was accepted and what the carrier reported is rung for first: it waits for no schedule. Schedules have a budget
    of time; when more are due, the job is enqueued again, behind what waits by then.
    """
    runtime = current_runtime()
    _enqueue_due_jobs(runtime)
    progress = run_schedules(runtime.database)
    if progress.messages:
        _enqueue_due_jobs(runtime)
    if not progress.is_finished:
        runtime.job_queue.enqueue_tick(ENQUEUE_DUE)


def _enqueue_due_jobs(runtime: Runtime) -> None:
    with system_scope(runtime.database) as connection:
        expansions = message_expansion.channels_to_expand(connection)
        turns = deliveries.due_batches(connection)
        message_lifecycle.complete(connection)
        receipts_wait = receipts.any_unapplied(connection)
    if receipts_wait:
        runtime.job_queue.enqueue_receipts()
    for channel in expansions:
        runtime.job_queue.enqueue_expansion(channel=channel)
    for church_id, channel in turns:
        runtime.job_queue.enqueue_batch(channel=channel, church_id=church_id)
