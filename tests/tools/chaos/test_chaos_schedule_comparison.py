"""The comparison of schedules: each has its one run, and each run its one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tools.chaos.evidence import Evidence
from tools.chaos.findings import Wrong
from tools.chaos.kept_schedules import KeptSchedule
from tools.chaos.posts import Post
from tools.chaos.schedule_comparison import compare_schedules
from tools.chaos.schedules import Schedule, Way
from tools.chaos.tables import MessageRow, RunRow

POST = Post(number=1, at_seconds=0.0, church=0, channel="sms", body="text", addresses=(), to_all=True)


def kept(schedule_id: str, way: Way) -> KeptSchedule:
    return KeptSchedule(schedule_id=schedule_id, schedule=Schedule(way=way, post=POST))


def run(schedule_id: str, message_id: str | None, *, outcome: str = "sent", is_by_hand: bool = False) -> RunRow:
    return RunRow(schedule_id=schedule_id, outcome=outcome, is_by_hand=is_by_hand, message_id=message_id)


def message(message_id: str, schedule_id: str | None) -> MessageRow:
    return MessageRow(
        message_id=message_id,
        channel="sms",
        body="text",
        subject=None,
        pictures=0,
        is_expanded=True,
        is_completed=True,
        due_at=0.0,
        schedule_id=schedule_id,
    )


RUNS = [run("rule", "m1"), run("hand", "m2", is_by_hand=True), run("rests", None, outcome="skipped")]
MESSAGES = [message("m1", "rule"), message("m2", "hand"), message("m3", None)]
GOOD = Evidence(
    accepted=[],
    schedules=[kept("rule", Way.MOVED), kept("hand", Way.BY_HAND), kept("rests", Way.PAUSED)],
    runs=RUNS,
    messages=MESSAGES,
    deliveries=[],
    ledger=[],
    mails=[],
    api_counts={},
)


def wrongs(evidence: Evidence) -> set[Wrong]:
    return {finding.wrong for finding in compare_schedules(evidence)}


def test_nothing_is_found_where_each_run_has_its_message() -> None:
    assert wrongs(GOOD) == set()


@pytest.mark.parametrize(
    ("runs", "wrong"),
    [
        (RUNS[1:], Wrong.LOST),
        (RUNS[:2], Wrong.LOST),
        ([*RUNS, run("rule", "m4")], Wrong.DOUBLED),
        ([run("rule", None, outcome="missed"), *RUNS[1:]], Wrong.MIXED_UP),
        ([*RUNS[:2], run("rests", "m4")], Wrong.MIXED_UP),
        ([run("rule", "m1", is_by_hand=True), *RUNS[1:]], Wrong.MIXED_UP),
        ([*RUNS, run("stranger", None, outcome="skipped")], Wrong.MIXED_UP),
    ],
    ids=[
        "no run",
        "nothing said of a skipped one",
        "two",
        "missed",
        "sent while paused",
        "not by hand",
        "a stranger's",
    ],
)
def test_a_wrong_run_is_found(runs: Sequence[RunRow], wrong: Wrong) -> None:
    assert wrong in wrongs(replace(GOOD, runs=runs))


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        (MESSAGES[1:], Wrong.LOST),
        ([*MESSAGES, message("m4", "rule")], Wrong.DOUBLED),
        ([message("m1", "hand"), *MESSAGES[1:]], Wrong.MIXED_UP),
    ],
    ids=["none of a run", "one more than runs", "of another schedule"],
)
def test_a_wrong_message_is_found(messages: Sequence[MessageRow], wrong: Wrong) -> None:
    assert wrong in wrongs(replace(GOOD, messages=messages))
