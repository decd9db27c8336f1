"""Collects the samples of one scrape, and makes the families of the Prometheus client of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family

from metrics.definitions import METRICS, Metric
from store.metrics import NamedTotal

_Labels = tuple[str, ...]
_BY_NAME = {metric.name: metric for metric in METRICS}


class Samples:
    """The values of one scrape. Metrics and series without a value are left out."""

    def __init__(self) -> None:
        self._values: dict[Metric, dict[_Labels, float]] = defaultdict(dict)
        self._buckets: dict[Metric, dict[_Labels, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
        """Of histograms: the observations by upper bound; `_values` has their sums."""

    def set(self, metric: Metric, value: float | None, *labels: str) -> None:
        """Set the value of a series; None leaves it out. `labels` are values in the order of the definition."""
        if value is not None:
            self._values[metric][labels] = value

    def add_totals(self, totals: Iterable[NamedTotal]) -> None:
        """Add the totals of the database. Those that another release wrote and this one does not know are ignored."""
        for total in totals:
            name, _, part = total.name.rpartition("_")
            if (metric := _BY_NAME.get(total.name)) is not None:
                values = self._values[metric]
                labels = _values(metric, total.labels)
                values[labels] = values.get(labels, 0.0) + total.value
            elif (metric := _BY_NAME.get(name)) is not None and metric.kind == "histogram":
                self._add_to_histogram(metric, part, total)

    def _add_to_histogram(self, metric: Metric, part: str, total: NamedTotal) -> None:
        labels = _values(metric, total.labels)
        if part == "sum":
            self._values[metric][labels] = total.value
        elif part == "bucket":
            self._buckets[metric][labels][float(total.labels["le"])] = total.value

    def families(self) -> Iterator[Family]:
        """Yield the metrics that have values, in the order of their definitions."""
        for metric in METRICS:
            if self._values[metric]:
                yield _FAMILIES[metric.kind](self, metric)

    def counter(self, metric: Metric) -> Family:
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in self._values[metric].items():
            family.add_metric(labels, value)
        return family

    def gauge(self, metric: Metric) -> Family:
        family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in self._values[metric].items():
            family.add_metric(labels, value)
        return family

    def histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, total in self._values[metric].items():
            observed = self._buckets[metric][labels]
            # Also the bounds of another release: every observation lies below its own bound.
            bounds = sorted({*metric.buckets, float("inf"), *observed})
            counts = accumulate(observed.get(bound, 0.0) for bound in bounds)
            buckets = [(_bound(bound), count) for bound, count in zip(bounds, counts, strict=True)]
            family.add_metric(labels, buckets=buckets, sum_value=total)
        return family


_FAMILIES = {"counter": Samples.counter, "gauge": Samples.gauge, "histogram": Samples.histogram}


def _values(metric: Metric, labels: Mapping[str, str]) -> _Labels:
    """The label values in order. A label that the writing release did not have is empty."""
    return tuple(labels.get(name, "") for name in metric.labels)


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else repr(seconds)
