"""The job that submits a church's next batch on one channel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection
from rq import get_current_job

from jobs.worker.failures import FixableFailure
from jobs.worker.runtime import Runtime, current_runtime
from store import audit, message_lifecycle, senders
from store.audit import Actor
from store.database import system_scope

_SENDING = Actor(kind="service", name="sending")


class SenderRefused(FixableFailure):
    """The carrier refuses the church's sender, which is paused. Fix the cause, then requeue the job or resume it."""

    def __init__(self, *, church_id: UUID, channel: str, reason: str) -> None:
        command = f"flask resume-sender --church {church_id} --channel {channel}"
        super().__init__(
            f"The carrier refuses the church's sender: {reason}. Nothing more is sent from it. Once the cause is "
            f"fixed, requeue this job or run: {command}",
            event="the carrier refuses a sender, which is now paused",
            church_id=str(church_id),
            channel=channel,
            reason=reason,
        )


def submit_batch(church_id: str, channel: str) -> None:
    """Claim the church's next due deliveries and start submitting them; the dispatcher records the results.

    If the process is killed, deliveries that were claimed and have no recorded result stay claimed until their lease
    expires, and are then reconciled. Raises SenderRefused, so that the job is shown among the failed jobs.
    """
    _submit_batch(current_runtime(), UUID(church_id), channel)


def _submit_batch(runtime: Runtime, church_id: UUID, channel: str) -> None:
    dispatcher = runtime.dispatcher(channel)
    claim = dispatcher.submit_next_batch(church_id)
    if claim is None or claim.envelopes:
        return
    if not claim.taken and _resume_after_requeue(runtime, church_id, channel):
        dispatcher.submit_next_batch(church_id)
        return
    with system_scope(runtime.database) as connection:
        message_lifecycle.complete(connection, church_ids=[church_id])


def _resume_after_requeue(runtime: Runtime, church_id: UUID, channel: str) -> bool:
    """Resume the sender if this job reported its refusal, failed, and was requeued by an operator.

    Returns whether it did. Raises SenderRefused for a refusal that no job has reported yet.
    """
    job = get_current_job()
    job_id = "inline" if job is None else job.id
    with system_scope(runtime.database) as connection:
        refusal = senders.report_refusal(connection, church_id, channel, job_id=job_id)
        if refusal is None and job is not None:
            resumed = senders.resume(connection, church_id=church_id, channel=channel, paused_by=job_id)
            if resumed is not None:
                _record_resumption(connection, church_id, channel, job_id=job_id)
            return resumed is not None
    if refusal is not None:
        if job is not None:
            job.retries_left = 0  # an automatic retry cannot succeed
        raise SenderRefused(church_id=church_id, channel=channel, reason=refusal)
    return False


def _record_resumption(connection: Connection[Any], church_id: UUID, channel: str, *, job_id: str) -> None:
    """Record that the sender is resumed. Who requeued the job is an entry of its own, with the job as its subject."""
    audit.record(
        connection,
        actor=_SENDING,
        action="sender.resumed",
        subject=channel,
        church_id=church_id,
        details={"requeuedJob": job_id},
    )
