"""The retry policy."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from messaging.retry import RetryPolicy, next_step
from messaging.states import Status
from messaging.submissions import ResultKind, SubmissionResult

POLICY = RetryPolicy(limit=3, age_limit_seconds=3600.0, base_seconds=2.0, cap_seconds=600.0, first_lookup_seconds=15.0)


def outcome(kind: ResultKind, *, retry_after_seconds: float | None = None) -> SubmissionResult:
    return SubmissionResult(delivery_id=UUID(int=1), attempt=1, kind=kind, retry_after_seconds=retry_after_seconds)


@pytest.mark.parametrize(
    ("kind", "tries", "age_seconds", "status", "counts"),
    [
        (ResultKind.ACCEPTED, 0, 0, Status.SENT, False),
        (ResultKind.ACCEPTED, 9, 9e9, Status.SENT, False),
        (ResultKind.PERMANENT, 0, 0, Status.FAILED, False),
        (ResultKind.TRANSIENT, 0, 0, Status.QUEUED, True),
        (ResultKind.TRANSIENT, 2, 3599, Status.QUEUED, True),
        (ResultKind.TRANSIENT, 3, 0, Status.FAILED, False),
        (ResultKind.TRANSIENT, 0, 3600, Status.FAILED, False),
        (ResultKind.THROTTLED, 99, 0, Status.QUEUED, False),
        (ResultKind.THROTTLED, 0, 3600, Status.FAILED, False),
        (ResultKind.SENDER, 99, 9e9, Status.QUEUED, False),
        (ResultKind.UNSUBMITTED, 99, 9e9, Status.QUEUED, False),
        (ResultKind.AMBIGUOUS, 99, 9e9, Status.UNKNOWN, False),
    ],
)
def test_each_kind_of_result_has_its_next_status(
    kind: ResultKind, tries: int, age_seconds: float, status: Status, counts: bool
) -> None:
    step = next_step(outcome(kind), tries=tries, age_seconds=age_seconds, policy=POLICY)

    assert (step.status, step.counts_as_try) == (status, counts)


def test_a_transient_refusal_waits_a_random_share_of_a_doubling_time() -> None:
    for tries, longest in enumerate((2, 4, 8)):
        refused = outcome(ResultKind.TRANSIENT)
        policy = replace(POLICY, limit=9)
        steps = [next_step(refused, tries=tries, age_seconds=0, policy=policy) for _ in range(200)]
        waits = [step.delay_seconds or 0.0 for step in steps]
        assert 0 <= min(waits) < longest / 2 < max(waits) <= longest


@pytest.mark.parametrize("kind", [ResultKind.TRANSIENT, ResultKind.THROTTLED])
def test_the_delay_is_at_least_what_the_carrier_asks_for(kind: ResultKind) -> None:
    step = next_step(outcome(kind, retry_after_seconds=77.0), tries=0, age_seconds=0, policy=POLICY)

    assert step.delay_seconds == 77.0


@pytest.mark.parametrize("kind", [ResultKind.SENDER, ResultKind.UNSUBMITTED, ResultKind.ACCEPTED, ResultKind.PERMANENT])
def test_other_results_keep_the_due_time(kind: ResultKind) -> None:
    assert next_step(outcome(kind), tries=0, age_seconds=0, policy=POLICY).delay_seconds is None
