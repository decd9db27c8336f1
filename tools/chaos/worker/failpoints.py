"""The places in a job where a worker can be killed or stalled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Failpoint(StrEnum):
    """Each value describes the state of the work at that place: what is done and what is not."""

    BEFORE_CLAIM = "before the claim"
    AFTER_CLAIM = "claimed, not submitted"
    AFTER_ACCEPTANCE = "accepted, nothing recorded"
    HALF_RECORDED = "accepted, half recorded"
    AFTER_EXPANSION = "expanded, not enqueued"
    RUN_DUE = "run due, nothing written"
    RUN_WRITTEN = "run written, not committed"
    RUN_COMMITTED = "run committed, not enqueued"
    STALL_AFTER_CLAIM = "claimed, then stalled"
    """The worker is not killed. It stalls until its lease has expired and then continues, as on a suspended host."""
    PACED_BEFORE_CLAIM = "paced batch: before the claim"
    """This and those below are the same places in the job that claims for all paced churches together."""
    PACED_AFTER_CLAIM = "paced batch: claimed, not submitted"
    PACED_AFTER_ACCEPTANCE = "paced batch: accepted, nothing recorded"
    PACED_HALF_RECORDED = "paced batch: accepted, half recorded"
    PACED_STALL_AFTER_CLAIM = "paced batch: claimed, then stalled"


STALLS = (Failpoint.STALL_AFTER_CLAIM, Failpoint.PACED_STALL_AFTER_CLAIM)
"""Where workers are stalled. At all others they are killed."""
PACED_BATCH_KILLS = frozenset[str](
    {
        Failpoint.PACED_BEFORE_CLAIM,
        Failpoint.PACED_AFTER_CLAIM,
        Failpoint.PACED_AFTER_ACCEPTANCE,
        Failpoint.PACED_HALF_RECORDED,
    }
)
"""Where workers are killed that submit a batch of many paced churches."""


@dataclass(frozen=True, kw_only=True)
class BatchFailpoints:
    """The failpoints of one kind of batch, in their order."""

    before_claim: Failpoint
    after_claim: Failpoint
    stall_after_claim: Failpoint
    after_acceptance: Failpoint
    half_recorded: Failpoint


CHURCH_BATCH = BatchFailpoints(
    before_claim=Failpoint.BEFORE_CLAIM,
    after_claim=Failpoint.AFTER_CLAIM,
    stall_after_claim=Failpoint.STALL_AFTER_CLAIM,
    after_acceptance=Failpoint.AFTER_ACCEPTANCE,
    half_recorded=Failpoint.HALF_RECORDED,
)
PACED_BATCH = BatchFailpoints(
    before_claim=Failpoint.PACED_BEFORE_CLAIM,
    after_claim=Failpoint.PACED_AFTER_CLAIM,
    stall_after_claim=Failpoint.PACED_STALL_AFTER_CLAIM,
    after_acceptance=Failpoint.PACED_AFTER_ACCEPTANCE,
    half_recorded=Failpoint.PACED_HALF_RECORDED,
)
