"""How long to wait before the next try: the one formula for every retry in the product."""

from __future__ import annotations

import random

FULL_JITTER = 1.0
"""A random share of the whole wait: spreads many retries that began together.
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
HALF_JITTER = 0.5
"""Between half of the wait and all of it: spreads retries, and never retries at once."""

_MAX_DOUBLINGS = 60


def backoff_seconds(
    attempt: int,
    *,
    base_seconds: float,
    limit_seconds: float,
    jitter: float = 0.0,
    draw: float | None = None,
) -> float:
    """Seconds to wait after the `attempt`-th failure in a row, counted from 1.

    `base_seconds` after the first failure, doubled after each further one, at most `limit_seconds`. `jitter` is the
    share of the wait that is random, from 0 to 1. `draw` in [0, 1) replaces the random number.
    """
    wait = min(limit_seconds, base_seconds * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS))
    if not jitter:
        return wait
    luck = random.random() if draw is None else draw  # noqa: S311 - spread, not secrecy
    return wait * (1 - jitter + jitter * luck)


def backoff_steps(count: int, *, base_seconds: float, limit_seconds: float) -> list[float]:
    """The waits after 1 to `count` failures in a row, without jitter: for SQL, which picks one and adds the jitter."""
    return [
        backoff_seconds(attempt, base_seconds=base_seconds, limit_seconds=limit_seconds)
        for attempt in range(1, count + 1)
    ]
