"""The places in a job where a worker can be killed or stalled."""

from __future__ import annotations

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
