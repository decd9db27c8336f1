"""What follows from a carrier's answer."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.retry import RetryPolicy, backoff_seconds, next_step
from messaging.states import Status
from messaging.submissions import ResultKind, SubmissionResult

POLICY = RetryPolicy(limit=3, age_limit_seconds=3600.0, base_seconds=2.0, cap_seconds=600.0, doubt_seconds=15.0)
attempts = st.integers(min_value=1, max_value=32767)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
JUST_UNDER_ONE = 0.999999


def outcome(kind: ResultKind, *, retry_after_seconds: float | None = None) -> SubmissionResult:
    return SubmissionResult(delivery_id=UUID(int=1), attempt=1, kind=kind, retry_after_seconds=retry_after_seconds)


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 2), (2, 4), (3, 8), (5, 32), (9, 512), (10, 600), (1000, 600)])
def test_the_longest_wait_doubles_up_to_the_cap(attempt: int, ceiling: float) -> None:
    assert backoff_seconds(attempt, policy=POLICY, draw=JUST_UNDER_ONE) == pytest.approx(ceiling, rel=1e-4)


@given(attempts, draws)
def test_the_wait_is_bounded(attempt: int, draw: float) -> None:
    assert 0 <= backoff_seconds(attempt, policy=POLICY, draw=draw) <= POLICY.cap_seconds


@given(attempts, draws)
def test_a_later_attempt_with_the_same_luck_never_waits_less(attempt: int, draw: float) -> None:
    earlier = backoff_seconds(attempt, policy=POLICY, draw=draw)
    assert backoff_seconds(attempt + 1, policy=POLICY, draw=draw) >= earlier


@given(attempts, draws, st.floats(min_value=0, max_value=86400))
def test_it_waits_at_least_as_long_as_the_carrier_asks(attempt: int, draw: float, asked: float) -> None:
    assert backoff_seconds(attempt, policy=POLICY, at_least_seconds=asked, draw=draw) >= asked


def test_the_waits_of_many_are_spread() -> None:
    waits = {backoff_seconds(3, policy=POLICY) for _ in range(100)}

    assert len(waits) > 90
    assert max(waits) - min(waits) > POLICY.base_seconds


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
def test_each_answer_has_its_step(
    kind: ResultKind, tries: int, age_seconds: float, status: Status, counts: bool
) -> None:
    step = next_step(outcome(kind), tries=tries, age_seconds=age_seconds, policy=POLICY)

    assert (step.status, step.counts_as_try) == (status, counts)


@pytest.mark.parametrize("kind", [ResultKind.TRANSIENT, ResultKind.THROTTLED])
def test_what_the_carrier_asks_for_is_kept(kind: ResultKind) -> None:
    step = next_step(outcome(kind, retry_after_seconds=77.0), tries=0, age_seconds=0, policy=POLICY)

    assert step.delay_seconds == 77.0


@pytest.mark.parametrize("kind", [ResultKind.SENDER, ResultKind.UNSUBMITTED, ResultKind.ACCEPTED, ResultKind.PERMANENT])
def test_what_is_untouched_keeps_its_place(kind: ResultKind) -> None:
    assert next_step(outcome(kind), tries=0, age_seconds=0, policy=POLICY).delay_seconds is None
