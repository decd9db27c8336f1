"""The periodic jobs, and how often the clock enqueues each."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.job_queue.job_kinds import ENQUEUE_DUE, FETCH_RECEIPTS, PRUNE, RECONCILE, ROLL_UP, SWEEP, JobKind


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A periodic job."""

    kind: JobKind
    every_seconds: int


TICKS = (
    Tick(kind=ENQUEUE_DUE, every_seconds=1),
    Tick(kind=RECONCILE, every_seconds=2),
    Tick(kind=SWEEP, every_seconds=5),
    Tick(kind=FETCH_RECEIPTS, every_seconds=10),
    Tick(kind=ROLL_UP, every_seconds=60),
    Tick(kind=PRUNE, every_seconds=15),
)
