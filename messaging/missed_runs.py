"""What becomes of the runs of a schedule that have come due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from messaging.recurrence.runs import ScheduledRun

ON_TIME = timedelta(seconds=60)
"""A run that is no later than this was not missed: the clock rings every second, and a deploy takes a while."""


class RunOutcome(StrEnum):
    SENT = "sent"
    """It became a message."""
    MISSED = "missed"
    """It came due while nothing ran, and was not made up for."""
    SKIPPED = "skipped"
    """It came due while the schedule was paused, or the church had no sender for it."""


class MissedPolicy(StrEnum):
    """What to do once things run again."""

    SKIP = "skip"
    """Nothing: wait for the next run."""
    RUN_ONCE = "runOnce"
    """Send once for all that was missed, unless it is too late for the last of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecidedRun:
    """A run that has come due and what becomes of it. `reason` is for people."""

    run: ScheduledRun
    outcome: RunOutcome
    reason: str | None = None
    send_at: datetime | None = None
    """When its message is due, for one that is sent."""


def decide_runs(
    due: Sequence[ScheduledRun],
    *,
    now: datetime,
    policy: MissedPolicy,
    within: timedelta,
    is_paused: bool,
    more_due: bool = False,
) -> list[DecidedRun]:
    """One for each of the runs, which are in order and not later than now. At most the last is sent.

    `within` is how late one may be made up for. `more_due`: these are not all; later ones have come due too.
    """
    if is_paused:
        return [DecidedRun(run=run, outcome=RunOutcome.SKIPPED, reason="the schedule is paused") for run in due]
    overtaken = due if more_due else due[:-1]
    judged = [DecidedRun(run=run, outcome=RunOutcome.MISSED, reason="a later run was due too") for run in overtaken]
    if due and not more_due:
        judged.append(_judge_last(due[-1], now=now, policy=policy, within=within))
    return judged


def _judge_last(run: ScheduledRun, *, now: datetime, policy: MissedPolicy, within: timedelta) -> DecidedRun:
    late = now - run.at
    if late <= ON_TIME:
        return DecidedRun(run=run, outcome=RunOutcome.SENT, send_at=run.at)
    if policy is MissedPolicy.RUN_ONCE and late <= within:
        return DecidedRun(run=run, outcome=RunOutcome.SENT, reason="made up for", send_at=now)
    return DecidedRun(run=run, outcome=RunOutcome.MISSED, reason="too late to be made up for")
