"""Decides which due runs of a schedule are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from messaging.recurrence.runs import ScheduledRun

ON_TIME = timedelta(seconds=60)
"""A run that is no later than this is not missed: due runs are recorded every second, but a deploy interrupts it."""


class RunOutcome(StrEnum):
    SENT = "sent"
    """A message was created."""
    MISSED = "missed"
    """It was not sent in time and not made up for: no process ran, a later run was due too, or its
    rule could not be evaluated."""
    SKIPPED = "skipped"
    """It came due while the schedule was paused, or the church had no sender for it."""


class MissedPolicy(StrEnum):
    """What to do with missed runs."""

    SKIP = "skip"
    """Nothing; the next run is sent as usual."""
    RUN_ONCE = "runOnce"
    """Send one message for all missed runs, unless the last of them is too old."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecidedRun:
    """A due run and its outcome. `reason` is for people."""

    run: ScheduledRun
    outcome: RunOutcome
    reason: str | None = None
    send_at: datetime | None = None
    """When its message is due; None for a run that is not sent."""


def decide_runs(
    due: Sequence[ScheduledRun],
    *,
    now: datetime,
    policy: MissedPolicy,
    within: timedelta,
    is_paused: bool,
    more_due: bool = False,
) -> list[DecidedRun]:
    """Returns the outcome of each due run; `due` is in order of time. At most the last run is sent.

    `within` is how late a run may be made up for. `more_due`: later runs, which are not in `due`, are due too.
    """
    if is_paused:
        return [DecidedRun(run=run, outcome=RunOutcome.SKIPPED, reason="the schedule is paused") for run in due]
    overtaken = due if more_due else due[:-1]
    decided = [DecidedRun(run=run, outcome=RunOutcome.MISSED, reason="a later run was due too") for run in overtaken]
    if due and not more_due:
        decided.append(_decide_last(due[-1], now=now, policy=policy, within=within))
    return decided


def _decide_last(run: ScheduledRun, *, now: datetime, policy: MissedPolicy, within: timedelta) -> DecidedRun:
    late = now - run.at
    if late <= ON_TIME:
        return DecidedRun(run=run, outcome=RunOutcome.SENT, send_at=run.at)
    if policy is MissedPolicy.RUN_ONCE and late <= within:
        return DecidedRun(run=run, outcome=RunOutcome.SENT, reason="made up for", send_at=now)
    return DecidedRun(run=run, outcome=RunOutcome.MISSED, reason="too late to be made up for")
