"""What follows from a carrier's answer: when to try again, and when to stop trying."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.backoff import FULL_JITTER, backoff_seconds
from messaging.states import Status
from messaging.submissions import ResultKind, SubmissionResult


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How stubborn to be. Times in seconds."""

    limit: int = 5
    """Tries after transient refusals."""
    age_limit_seconds: float = 24 * 3600.0
    """Older than this (docs/time.md, Too late) a delivery is not sent: the hour it was meant for is over."""
    base_seconds: float = 2.0
    cap_seconds: float = 600.0
    doubt_seconds: float = 15.0
    """How long after a lost answer the carrier is first asked: a callback usually comes before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """How a delivery is to stand now, and when to look at it next."""

    status: Status
    delay_seconds: float | None = None
    """From now; None leaves its time as it is."""
    counts_as_try: bool = False


def next_step(outcome: SubmissionResult, *, tries: int, age_seconds: float, policy: RetryPolicy) -> Step:
    """What becomes of a delivery after an outcome. `tries`: transient refusals before this one.

    A throttled submission was not looked at, so it uses up no try; a refused sender is not the delivery's fault.
    """
    asked_seconds = min(outcome.retry_after_seconds or 0.0, policy.cap_seconds)
    too_old = age_seconds >= policy.age_limit_seconds
    match outcome.kind:
        case ResultKind.ACCEPTED:
            return Step(status=Status.SENT)
        case ResultKind.AMBIGUOUS:
            return Step(status=Status.UNKNOWN, delay_seconds=policy.doubt_seconds)
        case ResultKind.SENDER | ResultKind.UNSUBMITTED:
            return Step(status=Status.QUEUED)
        case ResultKind.THROTTLED if not too_old:
            return Step(status=Status.QUEUED, delay_seconds=max(asked_seconds, policy.base_seconds))
        case ResultKind.TRANSIENT if tries < policy.limit and not too_old:
            wait_seconds = backoff_seconds(
                tries + 1, base_seconds=policy.base_seconds, limit_seconds=policy.cap_seconds, jitter=FULL_JITTER
            )
            return Step(status=Status.QUEUED, delay_seconds=max(wait_seconds, asked_seconds), counts_as_try=True)
        case ResultKind.THROTTLED | ResultKind.TRANSIENT | ResultKind.PERMANENT:
            return Step(status=Status.FAILED)
