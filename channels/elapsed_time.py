"""Time that goes on while the machine sleeps: a lease does not wait for a suspended host."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_seconds() -> float:
    """Seconds since some moment in the past; for differences only."""
    return time.clock_gettime(_CLOCK)
