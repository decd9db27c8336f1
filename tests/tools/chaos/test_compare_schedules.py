"""Comparing schedules: each has its one planned run, and each run that was sent has its one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tools.chaos.comparison.compare_schedules import compare_schedules
from tools.chaos.comparison.findings import FindingKind
from tools.chaos.comparison.snapshot import Snapshot
from tools.chaos.system.product_tables import MessageRow, ScheduleRunRow
from tools.chaos.workload.created_schedules import CreatedSchedule
from tools.chaos.workload.planned_messages import PlannedMessage
from tools.chaos.workload.planned_schedules import PlannedSchedule, Trigger

MESSAGE = PlannedMessage(number=1, at_seconds=0.0, church=0, channel="sms", body="text", addresses=())


def schedule(schedule_id: str, trigger: Trigger) -> CreatedSchedule:
    return CreatedSchedule(schedule_id=schedule_id, planned=PlannedSchedule(trigger=trigger, message=MESSAGE))


def run(schedule_id: str, message_id: str | None, *, outcome: str = "sent", is_run_now: bool = False) -> ScheduleRunRow:
    return ScheduleRunRow(schedule_id=schedule_id, outcome=outcome, is_run_now=is_run_now, message_id=message_id)


def message(message_id: str, schedule_id: str | None) -> MessageRow:
    return MessageRow(
        message_id=message_id,
        church_id="c1",
        channel="sms",
        body="text",
        segments=1,
        subject=None,
        pictures=0,
        is_expanded=True,
        is_completed=True,
        due_at=0.0,
        schedule_id=schedule_id,
    )


RUNS = [run("rule", "m1"), run("requested", "m2", is_run_now=True), run("paused", None, outcome="skipped")]
MESSAGES = [message("m1", "rule"), message("m2", "requested"), message("m3", None)]
GOOD = Snapshot(
    churches=[],
    accepted=[],
    schedules=[
        schedule("rule", Trigger.MADE_DUE),
        schedule("requested", Trigger.RUN_NOW),
        schedule("paused", Trigger.PAUSED),
    ],
    runs=RUNS,
    messages=MESSAGES,
    deliveries=[],
    ledger=[],
    mails=[],
    api_counts={},
)


def finding_kinds(snapshot: Snapshot) -> set[FindingKind]:
    return {finding.kind for finding in compare_schedules(snapshot)}


def test_there_are_no_findings_when_each_run_has_its_message() -> None:
    assert finding_kinds(GOOD) == set()


@pytest.mark.parametrize(
    ("runs", "kind"),
    [
        (RUNS[1:], FindingKind.LOST),
        (RUNS[:2], FindingKind.LOST),
        ([*RUNS, run("rule", "m4")], FindingKind.DOUBLED),
        ([run("rule", None, outcome="missed"), *RUNS[1:]], FindingKind.MISMATCHED),
        ([*RUNS[:2], run("paused", "m4")], FindingKind.MISMATCHED),
        ([run("rule", "m1", is_run_now=True), *RUNS[1:]], FindingKind.MISMATCHED),
        ([*RUNS, run("other", None, outcome="skipped")], FindingKind.MISMATCHED),
    ],
    ids=[
        "no run",
        "no skipped run",
        "two runs",
        "missed",
        "sent while paused",
        "not by its rule",
        "unknown schedule",
    ],
)
def test_an_unexpected_run_is_found(runs: Sequence[ScheduleRunRow], kind: FindingKind) -> None:
    assert kind in finding_kinds(replace(GOOD, runs=runs))


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        (MESSAGES[1:], FindingKind.LOST),
        ([*MESSAGES, message("m4", "rule")], FindingKind.DOUBLED),
        ([message("m1", "requested"), *MESSAGES[1:]], FindingKind.MISMATCHED),
    ],
    ids=["run without message", "message without run", "other schedule"],
)
def test_an_unexpected_message_is_found(messages: Sequence[MessageRow], kind: FindingKind) -> None:
    assert kind in finding_kinds(replace(GOOD, messages=messages))
