"""The backoff formula of every retry in the product."""

from __future__ import annotations

import random

FULL_JITTER = 1.0
"""The whole wait is random: spreads retries that began together.
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
HALF_JITTER = 0.5
"""Half of the wait is random: spreads retries, and never retries immediately."""

_MAX_DOUBLINGS = 60


def backoff_seconds(
    attempt: int,
    *,
    base_seconds: float,
    limit_seconds: float,
    jitter: float = 0.0,
    draw: float | None = None,
) -> float:
    """Returns the seconds to wait after the `attempt`-th failure in a row, counted from 1.

    `base_seconds` after the first failure, doubled after each further one, at most `limit_seconds`. `jitter` is the
    share of the wait that is random, from 0 to 1. `draw` in [0, 1) replaces the random number.
    """
    wait = min(limit_seconds, base_seconds * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
    if not jitter:
        return wait
    fraction = random.random() if draw is None else draw  # noqa: S311 - not for cryptography
    return wait * (1 - jitter + jitter * fraction)


def backoff_steps(count: int, *, base_seconds: float, limit_seconds: float) -> list[float]:
    """Returns the waits after 1 to `count` failures in a row, for SQL, which selects one and applies the jitter."""
    return [
        backoff_seconds(attempt, base_seconds=base_seconds, limit_seconds=limit_seconds)
        for attempt in range(1, count + 1)
    ]
