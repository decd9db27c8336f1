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
    for batch, result in results:
        if result.latency_seconds is not None:
            measurements.observe(CARRIER_SECONDS, result.latency_seconds, channel)
        if result.kind is ResultKind.ACCEPTED:
            age_seconds = batch.envelopes[result.delivery_id].age_seconds
            measurements.observe(SENT_AFTER, age_seconds + now - batch.began, channel)
