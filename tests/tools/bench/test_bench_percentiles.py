"""Percentiles and medians."""

from __future__ import annotations

import pytest

from tools.bench.percentiles import median, percentile


@pytest.mark.parametrize(
    ("percent", "value"),
    [(0, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)],
)
def test_a_percentile_is_a_nearest_rank(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_every_percentile_of_one_value_is_that_value() -> None:
    assert {percentile([4.5], percent) for percent in (0, 50, 99, 100)} == {4.5}


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([9, 1, 5], 5), ([4, 1, 2, 3], 2.5)])
def test_the_median_is_the_middle_value_or_the_mean_of_two(values: list[float], middle: float) -> None:
    assert median(values) == middle


def test_no_values_are_refused() -> None:
    for read in (lambda: percentile([], 50), lambda: median([])):
        with pytest.raises(ValueError, match="no values"):
            read()
