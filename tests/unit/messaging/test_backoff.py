"""The backoff formula."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.backoff import FULL_JITTER, HALF_JITTER, backoff_seconds, backoff_steps

attempts = st.integers(min_value=1, max_value=32767)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
wait = partial(backoff_seconds, base_seconds=2.0, limit_seconds=600.0)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (5, 32), (9, 512), (10, 600), (10**6, 600)])
def test_the_wait_doubles_up_to_the_limit(attempt: int, seconds: float) -> None:
    assert wait(attempt) == seconds


@given(attempts, draws, st.floats(min_value=0, max_value=1))
def test_jitter_shortens_the_wait_by_at_most_its_share(attempt: int, draw: float, jitter: float) -> None:
    whole = wait(attempt)
    assert whole * (1 - jitter) - 1e-9 <= wait(attempt, jitter=jitter, draw=draw) <= whole + 1e-9


@given(attempts, draws)
def test_a_later_attempt_with_the_same_random_number_waits_at_least_as_long(attempt: int, draw: float) -> None:
    earlier = wait(attempt, jitter=FULL_JITTER, draw=draw)
    assert wait(attempt + 1, jitter=FULL_JITTER, draw=draw) >= earlier


@pytest.mark.parametrize(("jitter", "least"), [(FULL_JITTER, 0.0), (HALF_JITTER, 4.0)])
def test_jitter_spreads_the_waits(jitter: float, least: float) -> None:
    waits = {wait(3, jitter=jitter) for _ in range(200)}

    assert len(waits) > 190
    assert least <= min(waits) < 0.5 * (least + 8.0) < max(waits) <= 8.0


def test_the_steps_are_the_waits_without_jitter() -> None:
    assert backoff_steps(7, base_seconds=1.0, limit_seconds=60.0) == [1, 2, 4, 8, 16, 32, 60]
    assert backoff_steps(0, base_seconds=1.0, limit_seconds=60.0) == []
