"""The moments inside a job at which a worker can be made to die, or to stand still."""

from __future__ import annotations

from enum import StrEnum


class Point(StrEnum):
    """Named for what has happened, and what has not."""

    BEFORE_CLAIM = "before the claim"
    AFTER_CLAIM = "claimed, not submitted"
    AFTER_ACCEPTANCE = "accepted, nothing recorded"
    HALF_RECORDED = "accepted, half recorded"
    BEFORE_RING = "expanded, not rung"
    RUN_TAKEN = "run due, nothing written"
    RUN_WRITTEN = "run written, not committed"
    RUN_COMMITTED = "run committed, not rung"
    STALLED = "claimed, then stalled"
    """Not a death: the worker stands still until its lease is long over, and goes on, as on a host that slept."""
