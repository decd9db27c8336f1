"""What a run has shown, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.chaos.evidence import Evidence
from tools.chaos.findings import UNFORGIVABLE, Finding, Wrong
from tools.chaos.mail_comparison import count_repeated
from tools.chaos.points import Point
from tools.chaos.posts import SHARES
from tools.chaos.settling import Settled

SHOWN = 10
"""Findings of one kind that are written out."""


@dataclass(frozen=True, kw_only=True)
class Report:
    evidence: Evidence
    findings: Sequence[Finding]
    caught: Counter[tuple[Point, str]]
    """Workers of each queue that died, or stood still, at a named point."""
    done: Counter[str]
    """Everything else that went wrong, by what it was."""
    restarts: Counter[str]
    answers: Counter[str]
    refused: Sequence[str]
    faults: Counter[str]
    """What the carrier did, by fault."""
    mail_faults: Counter[str]
    """What the mail server did, by step."""
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
        """Nothing lost, doubled or mixed up, and all counts add up."""
        counts = self.counts()
        return not self.refused and not any(counts[wrong] for wrong in UNFORGIVABLE)

    def counts(self) -> Counter[Wrong]:
        return Counter(finding.wrong for finding in self.findings)

    def lines(self) -> Iterator[str]:
        yield from _table("What was sent", self._sent())
        went_wrong: dict[str, object] = {"kills": self.kills, "kills planned": self.kills_planned}
        for point in Point:
            caught = {queue: times for (its_point, queue), times in sorted(self.caught.items()) if its_point is point}
            went_wrong[f"{'stood still' if point is Point.STALLED else 'died'}: {point}"] = sum(caught.values())
            went_wrong |= {f"  {point}: {queue}": times for queue, times in caught.items()}
        went_wrong |= dict(sorted(self.done.items()))
        went_wrong |= {f"started again: {name}": times for name, times in sorted(self.restarts.items())}
        went_wrong |= {"jobs requeued": self.requeued_jobs, "jobs failed at the end": self.failed_jobs}
        yield from _table("What went wrong", went_wrong)
        yield from _table("What the carrier did, in texts and callbacks", dict(sorted(self.faults.items())))
        yield from _table("What the mail server did", dict(sorted(self.mail_faults.items())))
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

    def _sent(self) -> dict[str, object]:
        statuses = Counter((delivery.channel, delivery.status) for delivery in self.evidence.deliveries)
        sent: dict[str, object] = {
            "accepted messages": len(self.evidence.accepted),
            "  for later": sum(one.post.waits_seconds > 0 for one in self.evidence.accepted),
            "  of schedules": sum(message.schedule_id is not None for message in self.evidence.messages),
            "schedules": len(self.evidence.schedules),
        }
        outcomes = Counter(run.outcome for run in self.evidence.runs)
        sent |= {f"  runs {outcome}": count for outcome, count in sorted(outcomes.items())}
        sent["deliveries"] = len(self.evidence.deliveries)
        for channel in SHARES:
            of_channel = {status: count for (its, status), count in sorted(statuses.items()) if its == channel}
            sent[f"{channel}: messages"] = sum(one.post.channel == channel for one in self.evidence.accepted)
            sent[f"{channel}: deliveries"] = sum(of_channel.values())
            sent |= {f"  {channel}: {status}": count for status, count in of_channel.items()}
        repeated = count_repeated(self.evidence)
        sent["texts and picture messages at the carrier"] = len(self.evidence.ledger)
        sent["mails at the mail server"] = len({row.message_id for row in self.evidence.mails})
        sent["  of these, there more than once, as one mail"] = repeated.total()
        return sent | {f"    {copies} times": count for copies, count in sorted(repeated.items())}


def _table(title: str, rows: dict[str, object]) -> Iterator[str]:
    yield ""
    yield title
    for name, value in rows.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        yield f"  {name:<52} {shown:>12}"
