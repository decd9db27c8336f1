"""How long deliveries took: histograms with growing buckets, so that percentiles can be computed of any sum of them.

Bucket b holds the times above 1.1 to the power of b - 1 and up to 1.1 to the power of b seconds; bucket 0 those up to
one second. `count_due_messages` in store/queries/message_totals.sql puts deliveries into buckets.
"""

from __future__ import annotations

from collections.abc import Mapping

BUCKET_GROWTH = 1.1
LAST_BUCKET = 160
"""Holds everything above 44 days."""
RELATIVE_ERROR = BUCKET_GROWTH**0.5 - 1
"""The largest error of a percentile above one second: 4.9 percent."""


def percentile(histogram: Mapping[int, int], *, part: float) -> float | None:
    """Returns the time in seconds within which `part` of the deliveries arrived, such as 0.95; None if there are none.

    `histogram`: how many deliveries are in each bucket. Uses the nearest rank. Times up to a second count as a second.
    """
    total = sum(histogram.values())
    rank = max(1, -int(-total * part // 1))
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= rank:
            return 1.0 if bucket <= 0 else BUCKET_GROWTH ** (bucket - 0.5)
    return None
