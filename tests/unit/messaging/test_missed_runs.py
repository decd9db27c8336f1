"""The outcomes of due runs: at most one is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.missed_runs import DecidedRun, MissedPolicy, decide_runs
from messaging.recurrence.runs import ScheduledRun

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def late(*minutes: float) -> list[ScheduledRun]:
    """Returns runs that came due so many minutes ago, the oldest first."""
    return [
        ScheduledRun(at=NOW - timedelta(minutes=each), wall=(NOW - timedelta(minutes=each)).replace(tzinfo=None))
        for each in minutes
    ]


def decide(
    runs: list[ScheduledRun], policy: MissedPolicy, *, is_paused: bool = False, more_due: bool = False
) -> list[DecidedRun]:
    return decide_runs(runs, now=NOW, policy=policy, within=HOUR, is_paused=is_paused, more_due=more_due)


@pytest.mark.parametrize(
    ("policy", "minutes", "outcomes"),
    [
        (MissedPolicy.RUN_ONCE, (), []),
        (MissedPolicy.RUN_ONCE, (0,), ["sent"]),
        (MissedPolicy.RUN_ONCE, (1,), ["sent"]),
        (MissedPolicy.RUN_ONCE, (60,), ["sent"]),
        (MissedPolicy.RUN_ONCE, (60.1,), ["missed"]),
        (MissedPolicy.RUN_ONCE, (120, 90, 30), ["missed", "missed", "sent"]),
        (MissedPolicy.RUN_ONCE, (60 * 24, 0), ["missed", "sent"]),
        (MissedPolicy.RUN_ONCE, (60 * 48, 60 * 24), ["missed", "missed"]),
        (MissedPolicy.SKIP, (1,), ["sent"]),
        (MissedPolicy.SKIP, (1.1,), ["missed"]),
        (MissedPolicy.SKIP, (30, 15, 0.5), ["missed", "missed", "sent"]),
    ],
)
def test_only_the_last_run_is_sent_if_the_policy_allows(
    policy: MissedPolicy, minutes: tuple[float, ...], outcomes: list[str]
) -> None:
    runs = late(*minutes)

    decided = decide(runs, policy)

    assert [each.outcome for each in decided] == outcomes
    assert [each.run for each in decided] == runs
    assert all((each.send_at is not None) == (each.outcome == "sent") for each in decided)


def test_a_run_on_time_is_due_at_its_time_and_a_missed_one_now() -> None:
    [on_time] = decide(late(0.5), MissedPolicy.RUN_ONCE)
    [missed] = decide(late(30), MissedPolicy.RUN_ONCE)

    assert (on_time.send_at, on_time.reason) == (NOW - timedelta(seconds=30), None)
    assert (missed.send_at, missed.reason) == (NOW, "made up for")


@pytest.mark.parametrize("policy", list(MissedPolicy))
def test_all_runs_of_a_paused_schedule_are_skipped(policy: MissedPolicy) -> None:
    assert {each.outcome for each in decide(late(60, 30, 0), policy, is_paused=True)} == {"skipped"}


@pytest.mark.parametrize("policy", list(MissedPolicy))
def test_no_run_is_sent_if_later_ones_are_due_too(policy: MissedPolicy) -> None:
    assert {each.outcome for each in decide(late(60, 30, 0), policy, more_due=True)} == {"missed"}
