"""Processes that stand still: stopped with SIGSTOP, as on a host that froze or behind a network that went silent."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress

from tests.harness.processes import descendants


@contextmanager
def standing_still(pid: int) -> Generator[None]:
    """Nothing of the process and its descendants runs inside the block; the kernel still takes connections for it."""
    stopped: set[int] = set()
    try:
        while new := {pid, *descendants(pid)} - stopped:  # the parent first: then it starts no more
            for each in sorted(new, key=lambda each: each != pid):
                _signal(each, signal.SIGSTOP)
            stopped |= new
        yield
    finally:
        for each in stopped:
            _signal(each, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
