"""Schedules: each run that came due beside the message that it became."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tools.chaos.evidence import Evidence
from tools.chaos.findings import Finding, Wrong
from tools.chaos.kept_schedules import KeptSchedule
from tools.chaos.schedules import Way
from tools.chaos.tables import RunRow


def compare_schedules(evidence: Evidence) -> Iterator[Finding]:
    """Everything that is wrong with runs and their messages. What the messages came to is compared elsewhere."""
    runs: defaultdict[str, list[RunRow]] = defaultdict(list)
    for run in evidence.runs:
        runs[run.schedule_id].append(run)
    for kept in evidence.schedules:
        yield from _schedule(kept, runs.pop(kept.schedule_id, []))
    for schedule_id in runs:
        yield Finding(wrong=Wrong.MIXED_UP, what=f"runs of schedule {schedule_id}, which nobody made")
    yield from _messages(evidence)


def _schedule(kept: KeptSchedule, runs: Sequence[RunRow]) -> Iterator[Finding]:
    """It had its one run, and nothing else."""
    way = kept.schedule.way
    name = f"schedule {kept.schedule_id}, to run {way}"
    outcomes = Counter(run.outcome for run in runs)
    expected = "skipped" if way is Way.PAUSED else "sent"
    if not runs:
        yield Finding(wrong=Wrong.LOST, what=f"{name}: no run")
    elif outcomes["sent"] > 1:
        yield Finding(wrong=Wrong.DOUBLED, what=f"{name}: {outcomes['sent']} runs")
    elif outcomes != {expected: 1}:
        yield Finding(wrong=Wrong.MIXED_UP, what=f"{name}: {dict(outcomes)}")
    elif runs[0].is_by_hand != (way is Way.BY_HAND):
        yield Finding(wrong=Wrong.MIXED_UP, what=f"{name}: ran {'' if runs[0].is_by_hand else 'not '}by hand")


def _messages(evidence: Evidence) -> Iterator[Finding]:
    """Each run that was sent has its message, and each message of a schedule its run."""
    schedule_of = {message.message_id: message.schedule_id for message in evidence.messages}
    run_of: dict[str, RunRow] = {}
    for run in evidence.runs:
        if run.message_id is None:
            continue
        name = f"message {run.message_id} of a run of schedule {run.schedule_id}"
        if run.message_id not in schedule_of:
            yield Finding(wrong=Wrong.LOST, what=f"{name} is not there")
        elif schedule_of[run.message_id] != run.schedule_id or run.message_id in run_of:
            yield Finding(wrong=Wrong.MIXED_UP, what=f"{name} is also another's")
        run_of[run.message_id] = run
    for message_id, schedule_id in schedule_of.items():
        if schedule_id is not None and message_id not in run_of:
            yield Finding(wrong=Wrong.DOUBLED, what=f"message {message_id} of schedule {schedule_id} is of no run")
