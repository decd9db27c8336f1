"""The job that enqueues the jobs for all work that is due, and creates the messages of due schedules."""

from __future__ import annotations

from channels.registry import link_rules
from jobs.job_queue.job_kinds import ENQUEUE_DUE
from jobs.run_schedules import run_schedules
from jobs.worker.runtime import Runtime, current_runtime
from store import claims, direct_texts, imports, message_expansion, paced_senders, receipts
from store.database import system_scope

CHURCHES_AT_ONCE = 50
"""The most jobs for single churches that one run enqueues. They take less than the second until the next run."""


def enqueue_due() -> None:
    """Enqueue the jobs for due messages, batches and receipts; then run the due schedules, and enqueue theirs.

    Accepted messages and stored receipts come first, so that they do not wait for schedules. Schedules have a time
    budget; when more are due, this job is enqueued again, at the end of the queue. A job that still waits on its queue
    is not enqueued twice.
    """
    runtime = current_runtime()
    _enqueue_due_jobs(runtime)
    result = run_schedules(runtime.database, link_rules=link_rules(runtime.settings))
    if result.messages:
        _enqueue_due_jobs(runtime)
    if not result.is_finished:
        runtime.job_queue.enqueue_tick(ENQUEUE_DUE)


def _enqueue_due_jobs(runtime: Runtime) -> None:
    with system_scope(runtime.database) as connection:
        direct_texts.move_due_first(connection)
    with system_scope(runtime.database) as connection:  # by itself: it locks senders
        paced_channels = paced_senders.set_next_claims(connection)
    with system_scope(runtime.database) as connection:
        expansions = message_expansion.channels_to_expand(connection)
        due_churches = claims.due_churches(connection, limit=CHURCHES_AT_ONCE)
        has_receipts = receipts.any_unapplied(connection)
        has_imports = imports.any_due(connection)
    if has_receipts:
        runtime.job_queue.enqueue_receipts()
    if has_imports:
        runtime.job_queue.enqueue_imports()
    for channel in expansions:
        runtime.job_queue.enqueue_expansion(channel=channel)
    for channel in paced_channels:
        runtime.job_queue.enqueue_paced_batch(channel=channel)
    for church_id, channel in due_churches:
        runtime.job_queue.enqueue_batch(channel=channel, church_id=church_id)
