"""The counts and histograms of this process, until they are written to the database."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from metrics.definitions import Metric

_MICROSECONDS = Decimal(1_000_000)
_Key = tuple[Metric, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """How much a series has grown. `name` is that of a counter, or of a histogram with `_bucket` or `_sum`.

    Exact: a sum of rounded numbers could decrease, which Prometheus takes for a restart. A bucket, named by its label
    `le`, has only what lies between its bound and the one before, unlike in Prometheus' own format.
    """

    name: str
    labels: Mapping[str, str]
    value: Decimal


class Measurements:
    """Thread-safe. Grows with the number of label values only, so labels must be of a bounded number.

    What is not written yet is lost when the process is killed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Key, Decimal] = {}
        self._observed: dict[_Key, list[int]] = {}
        """Of each histogram: the observations in each bucket, the last one unbounded, then the sum in microseconds."""

    def count(self, metric: Metric, *labels: str, by: Decimal | int = 1) -> None:
        """Add to a counter. `labels` are values, in the order of the definition."""
        key = (metric, labels)
        with self._lock:
            self._counts[key] = self._counts.get(key, Decimal(0)) + by

    def observe(self, metric: Metric, seconds: float, *labels: str) -> None:
        """Add one observation to a histogram. A negative time, when clocks differ, counts as 0."""
        self.observe_all(metric, (seconds,), *labels)

    def observe_all(self, metric: Metric, times_seconds: Iterable[float], *labels: str) -> None:
        """Add observations to a histogram. Many at once cost a third of one by one."""
        bounds = metric.buckets
        with self._lock:
            observed = self._observed.get((metric, labels))
            if observed is None:
                observed = self._observed[metric, labels] = [0] * (len(bounds) + 2)
            for seconds in times_seconds:
                if seconds > 0.0:
                    observed[bisect_left(bounds, seconds)] += 1
                    observed[-1] += int(seconds * 1_000_000)
                else:
                    observed[0] += 1

    def take(self) -> list[Measured]:
        """Remove and return everything that was measured."""
        with self._lock:
            counts, self._counts = self._counts, {}
            observed, self._observed = self._observed, {}
        taken = [
            Measured(name=metric.name, labels=dict(zip(metric.labels, labels, strict=True)), value=value)
            for (metric, labels), value in counts.items()
        ]
        for (metric, labels), numbers in observed.items():
            taken += _of_histogram(metric, dict(zip(metric.labels, labels, strict=True)), numbers)
        return taken


def bucket_bound(seconds: float) -> str:
    """The value of the label `le`."""
    return repr(float(seconds))


def _of_histogram(metric: Metric, labels: Mapping[str, str], numbers: list[int]) -> Iterable[Measured]:
    bounds = [*(bucket_bound(bound) for bound in metric.buckets), "+Inf"]
    for bound, observations in zip(bounds, numbers[:-1], strict=True):
        if observations:
            yield Measured(name=f"{metric.name}_bucket", labels={**labels, "le": bound}, value=Decimal(observations))
    yield Measured(name=f"{metric.name}_sum", labels=labels, value=numbers[-1] / _MICROSECONDS)
