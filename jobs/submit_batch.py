"""A church's turn, as a job."""

from __future__ import annotations

from uuid import UUID

from rq import get_current_job

from jobs.sending.claim_batch import claim_batch
from jobs.worker import runtime
from jobs.worker.failures import PlainFailure
from jobs.worker.runtime import Runtime
from store import churches, message_lifecycle
from store.database import system_scope


class SenderRefused(PlainFailure):
    """The carrier refuses the church's sender. It is paused; once mended, run this job again or resume the sender."""

    def __init__(self, *, church: UUID, channel: str, reason: str) -> None:
        command = f"flask resume-sender --church {church} --channel {channel}"
        super().__init__(
            f"The carrier refuses the church's sender: {reason}. Nothing more is sent from it. Once the cause is "
            f"mended, requeue this job or run: {command}",
            event="the carrier refuses a sender, which is now paused",
            church_id=str(church),
            channel=channel,
            reason=reason,
        )


def submit_batch(church_id: str, channel: str) -> None:
    """Claim the church's next due deliveries and launch them on the line, which records what becomes of each.

    Killed at any point, what was claimed and not recorded stays claimed until its lease ends, and is then looked for at
    the carrier. Raises SenderRefused, so that the job is seen among the failed ones.
    """
    run = runtime.current()
    church = UUID(church_id)
    claim = claim_batch(run, church, channel)
    if claim is None or claim.envelopes:
        return
    if not claim.taken and _is_mended(run, church, channel):
        claim_batch(run, church, channel)
        return
    with system_scope(run.database) as connection:
        message_lifecycle.complete(connection, church_ids=[church])


def _is_mended(run: Runtime, church: UUID, channel: str) -> bool:
    """Whether this job had told of a refusal and runs once more: an operator has mended the sender, which goes on now.

    Raises SenderRefused for a refusal that no job has told of yet.
    """
    job = get_current_job()
    job_id = "inline" if job is None else job.id
    with system_scope(run.database) as connection:
        refusal = churches.report_refusal(connection, church, channel, job_id=job_id)
        if refusal is None and job is not None:
            return churches.resume_sender(connection, church_id=church, channel=channel, paused_by=job_id) is not None
    if refusal is not None:
        if job is not None:
            job.retries_left = 0  # trying again by itself mends nothing
        raise SenderRefused(church=church, channel=channel, reason=refusal)
    return False
