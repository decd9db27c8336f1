"""When a transient refusal is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.retry import BASE_SECONDS, CAP_SECONDS, backoff_seconds

attempts = st.integers(min_value=1, max_value=32767)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
JUST_UNDER_ONE = 0.999999


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 2), (2, 4), (3, 8), (5, 32), (9, 512), (10, CAP_SECONDS), (1000, CAP_SECONDS)]
)
def test_the_longest_wait_doubles_up_to_the_cap(attempt: int, ceiling: float) -> None:
    assert backoff_seconds(attempt, draw=JUST_UNDER_ONE) == pytest.approx(ceiling, rel=1e-4)


@given(attempts, draws)
def test_the_wait_is_bounded(attempt: int, draw: float) -> None:
    assert 0 <= backoff_seconds(attempt, draw=draw) <= CAP_SECONDS


@given(attempts, draws)
def test_a_later_attempt_with_the_same_luck_never_waits_less(attempt: int, draw: float) -> None:
    assert backoff_seconds(attempt + 1, draw=draw) >= backoff_seconds(attempt, draw=draw)


@given(attempts, draws, st.floats(min_value=0, max_value=86400))
def test_it_waits_at_least_as_long_as_the_carrier_asks(attempt: int, draw: float, asked: float) -> None:
    assert backoff_seconds(attempt, retry_after_seconds=asked, draw=draw) >= asked


def test_the_waits_of_many_are_spread() -> None:
    waits = {backoff_seconds(3) for _ in range(100)}

    assert len(waits) > 90
    assert max(waits) - min(waits) > BASE_SECONDS
