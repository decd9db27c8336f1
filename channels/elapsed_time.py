"""A clock that keeps running while the machine is suspended, as the leases in the database do."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_seconds() -> float:
    """Seconds since an arbitrary moment; only differences are meaningful."""
    return time.clock_gettime(_CLOCK)
