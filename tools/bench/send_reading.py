"""One reading of `send`: one candidate and N recipients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRODUCT = "koinonia"
"""The name of the product among the candidates."""

WORKERS = "workers"
"""The name of the sending processes in the CPU times of every candidate."""


@dataclass(frozen=True, kw_only=True)
class SendReading:
    candidate: str
    size: int
    """The number of recipients; 0 if the candidate could not be installed."""
    round: int
    sent: int
    """Product: recorded as sent in PostgreSQL. Peers: accepted by the carrier."""
    seconds: float
    """Product: from the POST to the last recorded acceptance. Peers: from the first enqueue to the last answer."""
    cut: bool
    """Whether the reading was stopped at the cap."""
    cpu_seconds: Mapping[str, float]
    """CPU time during the reading, by group of processes."""
    concurrency: int | None = None
    """Peers: concurrent jobs in one process."""
    enqueued_seconds: float | None = None
    """Peers: from the first enqueue to the last; None if the reading was stopped before."""
    problem: str | None = None

    @classmethod
    def absent(cls, candidate: str, *, problem: str, size: int = 0, number: int = 0) -> SendReading:
        """Return a reading that failed, with the reason."""
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
        """CPU time of the sending processes for one send, which equals the CPU seconds for 1,000 sends."""
        return 1000 * self.cpu_seconds.get(WORKERS, 0.0) / self.sent if self.sent else 0.0

    def __str__(self) -> str:
        cut = ", cut" if self.cut else ""
        problem = f" PROBLEM: {self.problem}" if self.problem else ""
        return (
            f"{self.candidate:>9} {self.size:>9,} round {self.round}: {self.sent:,} in {self.seconds:.2f} s{cut}, "
            f"{self.per_second:,.0f}/s, {self.worker_ms_per_send:.2f} ms CPU of workers a send{problem}"
        )
