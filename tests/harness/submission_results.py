"""Waits for the results of a carrier."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from channels.base import Carrier
from messaging.submissions import Envelope, SubmissionResult


def all_results(
    carrier: Carrier, batch: Sequence[Envelope], *, may_submit: Callable[[], bool] = lambda: True
) -> list[SubmissionResult]:
    """Return one result for each envelope, in the order of arrival. Raises queue.Empty when one is missing."""
    arrived: queue.SimpleQueue[SubmissionResult] = queue.SimpleQueue()
    carrier.submit(batch, may_submit=may_submit, on_result=arrived.put)
    return [arrived.get(timeout=60.0) for _ in batch]
