"""CPU time of processes and their descendants."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from tools.bench.process_table import read_process_table

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(groups: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """Return the user and system time of each group of processes so far, to 0.01 s.

    It includes running descendants, and those that exited and were reaped by a parent that still runs.
    """
    table = read_process_table()
    return {
        name: sum(table.ticks[each] for pid in pids for each in table.tree(pid)) / _TICKS_PER_SECOND
        for name, pids in groups.items()
    }


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU seconds between two measurements, by group."""
    return {name: round(after[name] - before[name], 2) for name in before}
