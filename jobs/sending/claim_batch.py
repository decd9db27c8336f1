"""One turn of sending for one church on one channel: claim, launch, and see to the next."""

from __future__ import annotations

from uuid import UUID

from channels.elapsed_time import elapsed_seconds
from channels.registry import CHANNELS
from jobs.sending.dispatcher import Turn
from jobs.worker.runtime import Runtime
from store import deliveries
from store.database import system_scope
from store.deliveries import Claim


def claim_batch(run: Runtime, church: UUID, channel: str) -> Claim | None:
    """What was claimed, and now flies; None when the line had no room: it rings for the church when it has.

    The claim is committed before the carrier hears of anything, and no transaction is open while it works.
    """
    line = run.line(channel)
    limit = min(run.settings.batch_size, line.room(church))
    if not limit:
        return None
    begins = not line.flies(church)
    deadline = elapsed_seconds() + run.settings.lease_seconds - run.settings.carrier_timeout_seconds
    with system_scope(run.database) as connection:
        claim = deliveries.claim(
            connection,
            church_id=church,
            channel=channel,
            limit=limit,
            lease_seconds=run.settings.lease_seconds,
            keeps_quiet_hours=CHANNELS[channel].keeps_quiet_hours,
            age_limit_seconds=run.retry_policy.age_limit_seconds,
        )
    if claim.envelopes:
        envelopes = {envelope.delivery_id: envelope for envelope in claim.envelopes}
        line.launch(Turn(church_id=church, envelopes=envelopes, request_ids=claim.request_ids, deadline=deadline))
    if begins and claim.again_in_seconds == 0:
        run.job_queue.enqueue_batch(channel=channel, church_id=church)  # another worker may take the next one
    if claim.again_in_seconds is not None:
        line.ring_again(church, after_seconds=claim.again_in_seconds)
    return claim
