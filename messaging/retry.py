"""The retry policy: the next status of a delivery after the result of a submission."""

from __future__ import annotations

from dataclasses import dataclass

from messaging.backoff import FULL_JITTER, backoff_seconds
from messaging.states import Status
from messaging.submissions import ResultKind, SubmissionResult


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Limits of retries. Times in seconds."""

    limit: int = 5
    """Retries after transient refusals."""
    age_limit_seconds: float = 24 * 3600.0
    """A delivery older than this is not sent any more (docs/time.md, Too late)."""
    base_seconds: float = 2.0
    cap_seconds: float = 600.0
    first_lookup_seconds: float = 15.0
    """The delay between an ambiguous result and the first look-up: a callback usually arrives before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """The next status of a delivery, and when it is due."""

    status: Status
    delay_seconds: float | None = None
    """From now; None keeps its due_at."""
    counts_as_try: bool = False


def next_step(result: SubmissionResult, *, tries: int, age_seconds: float, policy: RetryPolicy) -> Step:
    """Returns what happens to a delivery after a result. `tries`: transient refusals before this one.

    A throttled submission was not processed, and a refused sender is not the delivery's fault: neither counts as a try.
    """
    requested_seconds = min(result.retry_after_seconds or 0.0, policy.cap_seconds)
    too_old = age_seconds >= policy.age_limit_seconds
    match result.kind:
        case ResultKind.ACCEPTED:
            return Step(status=Status.SENT)
        case ResultKind.AMBIGUOUS:
            return Step(status=Status.UNKNOWN, delay_seconds=policy.first_lookup_seconds)
        case ResultKind.SENDER | ResultKind.UNSUBMITTED:
            return Step(status=Status.QUEUED)
        case ResultKind.THROTTLED if not too_old:
            return Step(status=Status.QUEUED, delay_seconds=max(requested_seconds, policy.base_seconds))
        case ResultKind.TRANSIENT if tries < policy.limit and not too_old:
            wait_seconds = backoff_seconds(
                tries + 1, base_seconds=policy.base_seconds, limit_seconds=policy.cap_seconds, jitter=FULL_JITTER
            )
            return Step(status=Status.QUEUED, delay_seconds=max(wait_seconds, requested_seconds), counts_as_try=True)
        case ResultKind.THROTTLED | ResultKind.TRANSIENT | ResultKind.PERMANENT:
            return Step(status=Status.FAILED)
