"""Compares each schedule with its run, and each run with its message."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tools.chaos.comparison.findings import Finding, FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.product_tables import ScheduleRunRow
from tools.chaos.workload.created_schedules import CreatedSchedule
from tools.chaos.workload.planned_schedules import Trigger


def compare_schedules(snapshot: Snapshot) -> Iterator[Finding]:
    """Every difference between schedules, runs and messages. The deliveries are compared with those of all messages."""
    runs: defaultdict[str, list[ScheduleRunRow]] = defaultdict(list)
    for run in snapshot.runs:
        runs[run.schedule_id].append(run)
    for schedule in snapshot.schedules:
        yield from _compare_runs(schedule, runs.pop(schedule.schedule_id, []))
    for schedule_id in runs:
        yield Finding(kind=FindingKind.MISMATCHED, text=f"schedule {schedule_id} has runs but was never created")
    yield from _compare_messages(snapshot)


def _compare_runs(schedule: CreatedSchedule, runs: Sequence[ScheduleRunRow]) -> Iterator[Finding]:
    """The schedule has exactly its planned run."""
    trigger = schedule.planned.trigger
    name = f"schedule {schedule.schedule_id} ({trigger})"
    outcomes = Counter(run.outcome for run in runs)
    expected = "skipped" if trigger is Trigger.PAUSED else "sent"
    if not runs:
        yield Finding(kind=FindingKind.LOST, text=f"{name}: no run")
    elif outcomes["sent"] > 1:
        yield Finding(kind=FindingKind.DOUBLED, text=f"{name}: {outcomes['sent']} runs")
    elif outcomes != {expected: 1}:
        yield Finding(kind=FindingKind.MISMATCHED, text=f"{name}: {dict(outcomes)} instead of one run {expected}")
    elif runs[0].is_run_now != (trigger is Trigger.RUN_NOW):
        actual = "by a request" if runs[0].is_run_now else "by its rule"
        yield Finding(kind=FindingKind.MISMATCHED, text=f"{name}: ran {actual}")


def _compare_messages(snapshot: Snapshot) -> Iterator[Finding]:
    """Each run that was sent has its message, and each message of a schedule has its run."""
    schedule_of = {message.message_id: message.schedule_id for message in snapshot.messages}
    run_of: dict[str, ScheduleRunRow] = {}
    for run in snapshot.runs:
        if run.message_id is None:
            continue
        name = f"message {run.message_id} of a run of schedule {run.schedule_id}"
        if run.message_id not in schedule_of:
            yield Finding(kind=FindingKind.LOST, text=f"{name} is not stored")
        elif schedule_of[run.message_id] != run.schedule_id or run.message_id in run_of:
            yield Finding(kind=FindingKind.MISMATCHED, text=f"{name} belongs to another run too")
        run_of[run.message_id] = run
    for message_id, schedule_id in schedule_of.items():
        if schedule_id is not None and message_id not in run_of:
            yield Finding(kind=FindingKind.DOUBLED, text=f"message {message_id} of schedule {schedule_id} has no run")
