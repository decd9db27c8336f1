"""What is told of many readings."""

from __future__ import annotations

import pytest

from tools.bench.percentiles import median, percentile


@pytest.mark.parametrize(
    ("percent", "value"),
    [(0, 1), (50, 5), (90, 9), (91, 10), (99, 10), (100, 10)],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_of_one_value_every_percentile_is_that() -> None:
    assert {percentile([4.5], percent) for percent in (0, 50, 99, 100)} == {4.5}


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([9, 1, 5], 5), ([4, 1, 2, 3], 2.5)])
def test_the_median_is_in_the_middle(values: list[float], middle: float) -> None:
    assert median(values) == middle


def test_of_nothing_there_is_neither() -> None:
    for read in (lambda: percentile([], 50), lambda: median([])):
        with pytest.raises(ValueError, match="no values"):
            read()
