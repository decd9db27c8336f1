"""One reading of one candidate's way through N sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OURS = "koinonia"
"""Our name among the candidates."""

WORKERS = "workers"
"""The group of processes that send, in every candidate's CPU times."""


@dataclass(frozen=True, kw_only=True)
class SendReading:
    candidate: str
    size: int
    """Recipients. 0: the candidate could not be had at all."""
    round: int
    sent: int
    """Ours: recorded as sent in PostgreSQL. Peers: accepted by the carrier."""
    seconds: float
    """Ours: from before the POST to the last acceptance recorded. Peers: from the first enqueue to the last answer."""
    cut: bool
    """It was ended at the cap."""
    cpu_seconds: Mapping[str, float]
    """By group of processes, while it ran."""
    concurrency: int | None = None
    """Of a peer: jobs under way at once in one process."""
    enqueued_seconds: float | None = None
    """Of a peer: from the first enqueue to the last one. None when it was cut before."""
    problem: str | None = None

    @classmethod
    def absent(cls, candidate: str, *, problem: str, size: int = 0, number: int = 0) -> SendReading:
        """Nothing could be read, and why."""
        return cls(
            candidate=candidate,
            size=size,
            round=number,
            sent=0,
            seconds=0.0,
            cut=False,
            cpu_seconds={},
            problem=problem,
        )

    @property
    def per_second(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    @property
    def worker_ms_per_send(self) -> float:
        """CPU of the sending processes: the same number as CPU seconds for 1,000 sends."""
        return 1000 * self.cpu_seconds.get(WORKERS, 0.0) / self.sent if self.sent else 0.0

    def __str__(self) -> str:
        cut = ", cut" if self.cut else ""
        problem = f" PROBLEM: {self.problem}" if self.problem else ""
        return (
            f"{self.candidate:>9} {self.size:>9,} round {self.round}: {self.sent:,} in {self.seconds:.2f} s{cut}, "
            f"{self.per_second:,.0f}/s, {self.worker_ms_per_send:.2f} ms CPU of workers a send{problem}"
        )
