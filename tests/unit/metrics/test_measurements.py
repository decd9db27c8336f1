"""What a process measures: counters and histograms with exact sums, from any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from metrics.definitions import CARRIER_SECONDS, METRICS, SUBMISSIONS
from metrics.label_values import method_label, status_class
from metrics.measurements import Measured, Measurements


def values(measured: list[Measured]) -> dict[tuple[str, ...], Decimal]:
    """By name and label values."""
    return {(each.name, *each.labels.values()): each.value for each in measured}


def test_counts_are_taken_once() -> None:
    measurements = Measurements()
    measurements.count(SUBMISSIONS, "sms", "accepted")
    measurements.count(SUBMISSIONS, "sms", "accepted", by=3)
    measurements.count(SUBMISSIONS, "mail", "permanent")

    assert values(measurements.take()) == {
        ("koinonia_submissions_total", "sms", "accepted"): 4,
        ("koinonia_submissions_total", "mail", "permanent"): 1,
    }
    assert measurements.take() == []


def test_an_observation_is_in_the_bucket_whose_bound_it_does_not_exceed() -> None:
    measurements = Measurements()
    for seconds in (0.0, 0.005, 0.0051, 30.0, 30.1, -1.0):
        measurements.observe(CARRIER_SECONDS, seconds, "sms")

    assert values(measurements.take()) == {
        ("koinonia_carrier_seconds_bucket", "sms", "0.005"): 3,
        ("koinonia_carrier_seconds_bucket", "sms", "0.01"): 1,
        ("koinonia_carrier_seconds_bucket", "sms", "30.0"): 1,
        ("koinonia_carrier_seconds_bucket", "sms", "+Inf"): 1,
        ("koinonia_carrier_seconds_sum", "sms"): Decimal("60.1101"),
    }


def test_a_sum_of_many_small_times_is_exact() -> None:
    measurements = Measurements()
    for _ in range(100_000):
        measurements.observe(CARRIER_SECONDS, 0.1, "sms")

    assert values(measurements.take())["koinonia_carrier_seconds_sum", "sms"] == Decimal(10_000)


def test_threads_lose_no_count() -> None:
    measurements = Measurements()

    def work(_: int) -> list[Measured]:
        taken: list[Measured] = []
        for number in range(2000):
            measurements.count(SUBMISSIONS, "sms", "accepted")
            measurements.observe(CARRIER_SECONDS, 0.02, "sms")
            if number % 100 == 0:
                taken += measurements.take()
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [each for measured in threads.map(work, range(4)) for each in measured] + measurements.take()

    assert sum(each.value for each in taken if each.name.endswith("_total")) == 8000
    assert sum(each.value for each in taken if each.name.endswith("_bucket")) == 8000


@pytest.mark.parametrize(("method", "label"), [("GET", "GET"), ("POST", "POST"), ("BREW", "other"), ("get", "other")])
def test_a_method_that_a_client_invents_makes_no_series(method: str, label: str) -> None:
    assert method_label(method) == label


def test_the_class_of_a_status() -> None:
    assert [status_class(status) for status in (200, 404, 503)] == ["2xx", "4xx", "5xx"]


def test_names_follow_the_rules_of_prometheus() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("koinonia_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name
        assert "le" not in metric.labels
