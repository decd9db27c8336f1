"""When a transient refusal is tried again."""

from __future__ import annotations

import random

BASE_SECONDS = 2.0
CAP_SECONDS = 600.0


def backoff_seconds(attempt: int, *, retry_after_seconds: float | None = None, draw: float | None = None) -> float:
    """Seconds to wait after the `attempt`-th try (from 1): exponential with full jitter, at least what is asked.

    `draw` in [0, 1) replaces the random number. Full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling = min(CAP_SECONDS, BASE_SECONDS * 2 ** min(attempt - 1, 20))
    jittered = ceiling * (random.random() if draw is None else draw)  # noqa: S311 - spread, not secrecy
    return max(jittered, retry_after_seconds or 0.0)
