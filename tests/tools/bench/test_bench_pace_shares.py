"""How much of its pace a sender reached, from the times of acceptance."""

from __future__ import annotations

import pytest

from tools.bench.pace_shares import most_within, share_of_pace


def texts(*, begin: float, count: int, interval: float) -> list[float]:
    return [begin + number * interval for number in range(count)]


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("pace", [0.1, 1.0, 3.0])
def test_a_sender_at_its_pace_has_a_share_of_one_wherever_the_window_begins(phase: float, pace: float) -> None:
    interval = 1 / pace
    times = texts(begin=-50 * interval + phase * interval, count=200, interval=interval)

    assert share_of_pace(times, pace=pace, begin=0.0, end=30 * interval) == pytest.approx(1.0)


def test_a_sender_at_half_its_pace_has_half_a_share() -> None:
    assert share_of_pace(texts(begin=0.5, count=100, interval=2.0), pace=1.0, begin=0.0, end=60.0) == pytest.approx(
        0.5, abs=0.02
    )


def test_a_sender_that_begins_late_loses_what_it_missed() -> None:
    times = texts(begin=10.0, count=100, interval=1.0)

    assert share_of_pace(times, pace=1.0, begin=0.0, end=30.0) == pytest.approx(20 / 29)


def test_a_sender_that_stops_early_loses_what_it_missed() -> None:
    times = texts(begin=0.0, count=11, interval=1.0)

    assert share_of_pace(times, pace=1.0, begin=0.0, end=30.0) == pytest.approx(10 / 29)


@pytest.mark.parametrize("times", [[], [5.0], [-3.0, 40.0]])
def test_fewer_than_two_texts_in_the_window_are_no_rate(times: list[float]) -> None:
    assert share_of_pace(times, pace=1.0, begin=0.0, end=30.0) == 0.0


@pytest.mark.parametrize(("seconds", "most"), [(0.4, 1), (0.6, 2), (1.1, 3), (4.0, 5)])
def test_most_within_counts_the_fullest_period(seconds: float, most: int) -> None:
    assert most_within([0.0, 0.5, 1.0, 3.0, 3.9], seconds) == most
