"""What a run has shown, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chaos.comparison import UNFORGIVABLE, Evidence, Finding, Wrong
from chaos.points import Point
from chaos.settling import Settled

SHOWN = 10
"""Findings of one kind that are written out."""


@dataclass(frozen=True, kw_only=True)
class Report:
    evidence: Evidence
    findings: Sequence[Finding]
    caught: Counter[Point]
    """Workers that died, or stood still, at a named point."""
    done: Counter[str]
    """Everything else that went wrong, by what it was."""
    restarts: Counter[str]
    answers: Counter[str]
    refused: Sequence[str]
    faults: Counter[str]
    """What the carrier did, by fault."""
    complaints: Counter[str]
    """Exceptions in the programs' logs."""
    kills: int
    """Processes killed, at a point or anywhere; servers not counted."""
    kills_planned: int
    requeued_jobs: int
    failed_jobs: int
    settled: Settled

    @property
    def is_good(self) -> bool:
        """No text lost, doubled or mixed up, and all counts add up."""
        counts = self.counts()
        return not self.refused and not any(counts[wrong] for wrong in UNFORGIVABLE)

    def counts(self) -> Counter[Wrong]:
        return Counter(finding.wrong for finding in self.findings)

    def lines(self) -> Iterator[str]:
        statuses = Counter(delivery.status for delivery in self.evidence.deliveries)
        yield from _table(
            "What was sent",
            {
                "accepted messages": len(self.evidence.accepted),
                "deliveries": len(self.evidence.deliveries),
                **{f"  {status}": number for status, number in sorted(statuses.items())},
                "messages at the carrier": len(self.evidence.ledger),
            },
        )
        went_wrong: dict[str, object] = {"kills": self.kills, "kills planned": self.kills_planned}
        went_wrong |= {
            f"{'stood still' if point is Point.STALLED else 'died'}: {point}": self.caught[point] for point in Point
        }
        went_wrong |= dict(sorted(self.done.items()))
        went_wrong |= {f"started again: {name}": times for name, times in sorted(self.restarts.items())}
        went_wrong |= {"jobs requeued": self.requeued_jobs, "jobs failed at the end": self.failed_jobs}
        yield from _table("What went wrong", went_wrong)
        yield from _table("What the carrier did, in texts and callbacks", dict(sorted(self.faults.items())))
        yield from _table("What the API answered", dict(sorted(self.answers.items())))
        yield from _table("What the programs complained of", dict(self.complaints.most_common(SHOWN)))
        yield from _table("Settling", {"seconds": f"{self.settled.seconds:.1f}", "how it ended": self.settled.how})
        counts = self.counts()
        yield from _table("What is wrong now", {wrong: counts[wrong] for wrong in Wrong})
        for wrong in Wrong:
            of_kind = [finding for finding in self.findings if finding.wrong is wrong]
            yield from (f"  {finding}" for finding in of_kind[:SHOWN])
            if len(of_kind) > SHOWN:
                yield f"  ... and {len(of_kind) - SHOWN:,} more"
        yield from (f"  refused: {text}" for text in self.refused[:SHOWN])
        yield ""
        yield "GOOD: nothing lost, nothing doubled" if self.is_good else "BAD"


def _table(title: str, rows: dict[str, object]) -> Iterator[str]:
    yield ""
    yield title
    for name, value in rows.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        yield f"  {name:<52} {shown:>12}"
