"""Suspends processes with SIGSTOP: they behave like a frozen host or a network that drops every packet."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress

from tests.harness.process_tree import descendants


@contextmanager
def suspended(pid: int) -> Generator[None]:
    """The process and its descendants do not run inside the block; the kernel still accepts connections for them."""
    stopped: set[int] = set()
    try:
        while new := {pid, *descendants(pid)} - stopped:  # the parent first, so that it starts no new ones
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
