"""Counts the results of submissions, and how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from channels.elapsed_time import elapsed_seconds
from jobs.sending.batch import Batch
from messaging.submissions import ResultKind, SubmissionResult
from metrics.definitions import CARRIER_SECONDS, SENT_AFTER, SUBMISSIONS
from metrics.measurements import Measurements


def measure_results(
    measurements: Measurements, results: Sequence[tuple[Batch, SubmissionResult]], *, channel: str
) -> None:
    """Count each result once, as it comes in. What was not submitted does not count."""
    now = elapsed_seconds()
    counts = Counter(result.kind for _, result in results)
    del counts[ResultKind.UNSUBMITTED]
    for kind, number in counts.items():
        measurements.count(SUBMISSIONS, channel, kind.value, by=number)
    latencies = [result.latency_seconds for _, result in results if result.latency_seconds is not None]
    ages = [
        batch.envelopes[result.delivery_id].age_seconds + now - batch.began
        for batch, result in results
        if result.kind is ResultKind.ACCEPTED
    ]
    if latencies:
        measurements.observe_all(CARRIER_SECONDS, latencies, channel)
    if ages:
        measurements.observe_all(SENT_AFTER, ages, channel)
