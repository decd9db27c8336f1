"""Everything that happens by the clock: the one table of it."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.queues import JobKind


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A job rung for again and again."""

    kind: JobKind
    every_seconds: int


TICKS = (
    Tick(kind=JobKind(path="jobs.dispatch.dispatch", timeout_seconds=60), every_seconds=1),
    Tick(kind=JobKind(path="jobs.sweep.sweep", timeout_seconds=60), every_seconds=5),
    Tick(kind=JobKind(path="jobs.roll_up.roll_up", timeout_seconds=600), every_seconds=300),
)
