"""One turn of sending for one church on one channel."""

from __future__ import annotations

from uuid import UUID

from rq import get_current_job

from channels.clock import elapsed_seconds
from jobs import runtime
from jobs.line import Turn
from jobs.runtime import Runtime
from store import churches, deliveries, messages
from store.database import system_scope
from store.deliveries import Claim


class SenderRefused(Exception):
    """The carrier refuses the church's sender. It is paused; once mended, run this job again or resume the sender."""


def send_batch(church_id: str, channel: str) -> None:
    """Claim the church's next due deliveries and launch them on the line, which records what becomes of each.

    The claim is committed before the carrier hears of anything, and no transaction is open while it works. Killed at
    any point, what was claimed and not recorded stays claimed until its lease ends, and is then looked for at the
    carrier. Raises SenderRefused, so that the job is seen among the failed ones.
    """
    run = runtime.current()
    line, church = run.line(channel), UUID(church_id)
    limit = min(run.settings.turn_size, line.room(church))
    if not limit:
        return  # the line rings for the church when it has room
    begins = not line.flies(church)
    deadline = elapsed_seconds() + run.settings.lease_seconds - run.settings.carrier_timeout_seconds
    claim = _claim(run, church, channel, limit=limit)
    if claim.envelopes:
        envelopes = {envelope.delivery_id: envelope for envelope in claim.envelopes}
        line.launch(Turn(church_id=church, envelopes=envelopes, request_ids=claim.request_ids, deadline=deadline))
    if begins and claim.again_in_seconds == 0:
        run.doorbell.ring_turn(
            channel=channel, church_id=church
        )  # another worker may take the next turn beside this one
    if claim.again_in_seconds is not None:
        line.ring_again(church, after_seconds=claim.again_in_seconds)
    elif not claim.envelopes:
        with system_scope(run.database) as connection:
            messages.complete(connection, church_ids=[church])


def _claim(run: Runtime, church: UUID, channel: str, *, limit: int) -> Claim:
    """Raises SenderRefused in the name of the line, which met the refusal."""
    job = get_current_job()
    job_id = "inline" if job is None else job.id
    with system_scope(run.database) as connection:
        claim = deliveries.claim(
            connection, church_id=church, channel=channel, limit=limit, lease_seconds=run.settings.lease_seconds
        )
        refusal = None if claim.taken else churches.report_refusal(connection, church, channel, job_id=job_id)
        # The job that told of the refusal is run again only by an operator, who has mended it.
        mended = (
            job is not None
            and not claim.taken
            and refusal is None
            and churches.resume_sender(connection, church_id=church, channel=channel, paused_by=job_id)
        )
    if refusal is not None:
        if job is not None:
            job.retries_left = 0  # trying again by itself mends nothing
        raise SenderRefused(refusal)
    return _claim(run, church, channel, limit=limit) if mended else claim
