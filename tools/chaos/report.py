"""The report of a run, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.chaos.await_idle import IdleResult
from tools.chaos.comparison.compare_mails import count_repeated
from tools.chaos.comparison.findings import FAILING_KINDS, Finding, FindingKind
from tools.chaos.comparison.pace_shares import pace_shares
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.parameters import CHANNEL_SHARES
from tools.chaos.system.product_tables import BROADCAST
from tools.chaos.worker.failpoints import STALLS, Failpoint
from tools.chaos.workload.planned_messages import Target
from tools.chaos.workload.planned_paced_churches import is_of_paced_church
from tools.chaos.workload.planned_writers import Words
from tools.chaos.workload.recipients import MERGE_FIELDS
from tools.chaos.workload.writers import WrittenText

_PASSED = "PASSED: nothing lost, nothing doubled, nobody written to after STOP, no sender too fast"
SHOWN = 10
"""The most findings of one kind that are printed."""


@dataclass(frozen=True, kw_only=True)
class Report:
    snapshot: Snapshot
    findings: Sequence[Finding]
    at_failpoints: Counter[tuple[Failpoint, str]]
    """Workers that were killed or stalled, by failpoint and queue."""
    injected: Counter[str]
    """All other faults, by kind and detail."""
    restarts: Counter[str]
    responses: Counter[str]
    refused: Sequence[str]
    """Requests that were refused or never accepted."""
    carrier_faults: Counter[str]
    mail_server_faults: Counter[str]
    log_exceptions: Counter[str]
    kills: int
    """Processes killed, at a failpoint or at a random moment; without servers."""
    kills_planned: int
    requeued_jobs: int
    failed_jobs: int
    idle: IdleResult

    @property
    def is_passed(self) -> bool:
        """Every request was accepted, and there is no finding of `FAILING_KINDS`."""
        counts = self.counts()
        return not self.refused and not any(counts[kind] for kind in FAILING_KINDS)

    def counts(self) -> Counter[FindingKind]:
        return Counter(finding.kind for finding in self.findings)

    def lines(self) -> Iterator[str]:
        yield from _table("What was sent", self._sent())
        yield from _table("Paced churches: the share of its pace that each reached while it had work", self._paces())
        yield from _table("What people wrote", self._written())
        yield from _table("Faults injected", self._faults())
        yield from _table("Faults of the carrier, in requests and callbacks", dict(sorted(self.carrier_faults.items())))
        yield from _table("Faults of the mail server", dict(sorted(self.mail_server_faults.items())))
        yield from _table("Responses of the API to the clients", dict(sorted(self.responses.items())))
        yield from _table("Exceptions in the logs", dict(self.log_exceptions.most_common(SHOWN)))
        yield from _table("Until idle", {"seconds": f"{self.idle.seconds:.1f}", "ended because": self.idle.reason})
        counts = self.counts()
        yield from _table("Findings", {kind: counts[kind] for kind in FindingKind})
        for kind in FindingKind:
            of_kind = [finding for finding in self.findings if finding.kind is kind]
            yield from (f"  {finding}" for finding in of_kind[:SHOWN])
            if len(of_kind) > SHOWN:
                yield f"  ... and {len(of_kind) - SHOWN:,} more"
        yield from (f"  refused: {text}" for text in self.refused[:SHOWN])
        yield ""
        yield _PASSED if self.is_passed else "FAILED"

    def _written(self) -> dict[str, object]:
        written = self.snapshot.written
        kinds = Counter(text.words for text in written)
        suppressed = [each for each in self.snapshot.decisions if each.status == "suppressed"]
        return {
            "people": len({(text.church, text.phone) for text in written}),
            "texts": len(written),
            **{f"  {words}": kinds[words] for words in Words},
            "  delivered more than once by the carrier": sum(text.webhooks > 1 for text in written),
            "  answered last after": f"{max((_seconds_to_answer(text) for text in written), default=0.0):.1f} s",
            "opt-outs that hold at the end": len(self.snapshot.opt_outs),
            "answers to people": sum(message.kind != BROADCAST for message in self.snapshot.messages),
            "deliveries suppressed when they were written": sum(each.is_new for each in suppressed),
            "deliveries suppressed at the claim": sum(not each.is_new for each in suppressed),
        }

    def _faults(self) -> dict[str, object]:
        faults: dict[str, object] = {"kills": self.kills, "kills planned": self.kills_planned}
        for point in Failpoint:
            queues = {queue: times for (its, queue), times in sorted(self.at_failpoints.items()) if its is point}
            verb = "stalled" if point in STALLS else "killed"
            faults[f"{verb}: {point}"] = sum(queues.values())
            faults |= {f"  {point}: {queue}": times for queue, times in queues.items()}
        faults |= dict(sorted(self.injected.items()))
        faults |= {f"restarted: {name}": times for name, times in sorted(self.restarts.items())}
        return faults | {"jobs requeued": self.requeued_jobs, "jobs failed at the end": self.failed_jobs}

    def _paces(self) -> dict[str, object]:
        shares = pace_shares(self.snapshot)
        if not shares:
            return {}
        return {
            "churches": len(shares),
            "slowest": f"{shares[0]:.0%}",
            "median": f"{shares[len(shares) // 2]:.0%}",
            "fastest": f"{shares[-1]:.0%}",
        }

    def _sent(self) -> dict[str, object]:
        statuses = Counter((delivery.channel, delivery.status) for delivery in self.snapshot.deliveries)
        sent: dict[str, object] = {
            "accepted messages": len(self.snapshot.accepted),
            "  with a later sendAt": sum(each.planned.delay_seconds > 0 for each in self.snapshot.accepted),
            "  to groups": sum(each.planned.target is Target.GROUPS for each in self.snapshot.accepted),
            "  with merge fields": sum(MERGE_FIELDS in each.planned.body for each in self.snapshot.accepted),
            "  of schedules": sum(message.schedule_id is not None for message in self.snapshot.messages),
            "schedules": len(self.snapshot.schedules),
        }
        outcomes = Counter(run.outcome for run in self.snapshot.runs)
        sent |= {f"  runs {outcome}": count for outcome, count in sorted(outcomes.items())}
        answers = {message.message_id for message in self.snapshot.messages if message.kind != BROADCAST}
        sent["deliveries"] = sum(each.message_id not in answers for each in self.snapshot.deliveries)
        paced = [each.planned for each in self.snapshot.accepted if is_of_paced_church(each.planned)]
        sent["  of paced churches"] = sum(len(message.addresses) for message in paced)
        for channel in CHANNEL_SHARES:
            of_channel = {status: count for (its, status), count in sorted(statuses.items()) if its == channel}
            sent[f"{channel}: messages"] = sum(each.planned.channel == channel for each in self.snapshot.accepted)
            sent[f"{channel}: deliveries"] = sum(of_channel.values())
            sent |= {f"  {channel}: {status}": count for status, count in of_channel.items()}
        repeated = count_repeated(self.snapshot)
        sent["texts and picture messages at the carrier"] = len(self.snapshot.ledger)
        sent["mails at the mail server"] = len({row.message_id for row in self.snapshot.mails})
        sent["  of these, received more than once"] = repeated.total()
        return sent | {f"    {copies} times": count for copies, count in sorted(repeated.items())}


def _seconds_to_answer(text: WrittenText) -> float:
    return 0.0 if text.answered_at is None else text.answered_at - text.sent_at


def _table(title: str, rows: dict[str, object]) -> Iterator[str]:
    yield ""
    yield title
    for name, value in rows.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        yield f"  {name:<52} {shown:>12}"
