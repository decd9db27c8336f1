"""Percentiles of histograms: of any sum of them, within a known error."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from messaging.delivery_times import BUCKET_GROWTH, LAST_BUCKET, RELATIVE_ERROR, percentile

SECONDS = st.lists(st.floats(min_value=0, max_value=3_000_000), min_size=1, max_size=200)


def histogram(times: list[float]) -> Counter[int]:
    """As the roll-up makes it."""
    return Counter(min(LAST_BUCKET, math.ceil(math.log(max(1, each)) / math.log(BUCKET_GROWTH))) for each in times)


@given(days=st.lists(SECONDS, min_size=1, max_size=4), part=st.sampled_from([0.5, 0.95]))
def test_a_percentile_of_a_sum_of_histograms_is_within_the_stated_error(days: list[list[float]], part: float) -> None:
    merged: Counter[int] = Counter()
    for day in days:
        merged.update(histogram(day))
    ordered = sorted(each for day in days for each in day)
    exact = max(1.0, ordered[math.ceil(part * len(ordered)) - 1])

    found = percentile(merged, part=part)

    assert found is not None
    assert abs(found - exact) <= exact * RELATIVE_ERROR * 1.0001


def test_without_deliveries_there_is_no_percentile() -> None:
    assert percentile({}, part=0.5) is None


def test_the_nearest_rank_is_taken() -> None:
    assert percentile({0: 1, 10: 1}, part=0.5) == 1.0
    assert percentile({0: 19, 100: 1}, part=0.95) == 1.0
    assert percentile({0: 18, 100: 2}, part=0.95) == BUCKET_GROWTH**99.5
