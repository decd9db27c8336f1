"""CPU time of processes with all they started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from tools.bench.processes import read_processes

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(groups: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """User and system time so far of each group of processes, to 0.01 s.

    With all living descendants, and with those that ended and were waited for by a parent that still lives.
    """
    processes = read_processes()
    return {
        name: sum(processes.ticks[each] for pid in pids for each in processes.tree(pid)) / _TICKS_PER_SECOND
        for name, pids in groups.items()
    }


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds between two looks, by group."""
    return {name: round(after[name] - before[name], 2) for name in before}
