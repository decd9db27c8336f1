"""How much of its pace a sender reached, from the times at which the carrier accepted its texts. Pure functions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def share_of_pace(times: Sequence[float], *, pace: float, begin: float, end: float) -> float:
    """The rate between `begin` and `end` as a share of the pace: 1.0 for a sender that is exactly at its pace.

    `times` are in order, in seconds; `pace` is in texts a second. The rate is that of the intervals between texts, so
    that it does not depend on where in its interval a sender is when the window begins. A sender that begins late or
    stops early loses what it missed. 0 without two texts in the window.
    """
    within = times[bisect_left(times, begin) : bisect_right(times, end)]
    if len(within) < 2:
        return 0.0
    interval = 1.0 / pace
    first, last = min(within[0], begin + interval), max(within[-1], end - interval)
    return (len(within) - 1) / (last - first) / pace


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of the times, which must be in order, that lie within any stretch of so many seconds."""
    most = first = 0
    for place, moment in enumerate(times):
        while times[first] <= moment - seconds:
            first += 1
        most = max(most, place - first + 1)
    return most
