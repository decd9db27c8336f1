"""All processes with their CPU time and their children, from /proc (Linux)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ProcessTable:
    """A snapshot of all processes."""

    ticks: dict[int, int]
    """CPU time by process id, in clock ticks, including that of reaped children."""
    children: dict[int, list[int]]

    def tree(self, pid: int) -> Iterator[int]:
        """Yield the process, if it exists, and all its descendants."""
        if pid in self.ticks:
            yield pid
            for child in self.children.get(pid, ()):
                yield from self.tree(child)


def read_process_table() -> ProcessTable:
    ticks: dict[int, int] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just exited
        fields = stat.rpartition(")")[
            2
        ].split()  # the name may contain spaces and brackets; the first field here is number 3 in proc(5)
        ticks[int(entry.name)] = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        children[int(fields[1])].append(int(entry.name))
    return ProcessTable(ticks=ticks, children=dict(children))
