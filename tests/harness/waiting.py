"""Waiting for what comes by itself, no longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(predicate: Callable[[], object], timeout_seconds: float = 10.0, *, pause_seconds: float = 0.02) -> None:
    """Return as soon as the predicate holds. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_seconds
    while not predicate():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {timeout_seconds} s: {predicate}")
        time.sleep(pause_seconds)
