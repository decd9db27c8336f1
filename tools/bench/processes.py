"""All processes there are, and who descends from whom, from /proc (Linux)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Processes:
    """As they were at one moment."""

    ticks: dict[int, int]
    """CPU time by process id, in clock ticks; that of ended, waited-for children included."""
    children: dict[int, list[int]]

    def tree(self, pid: int) -> Iterator[int]:
        """The process, if it is there, and all that descend from it."""
        if pid in self.ticks:
            yield pid
            for child in self.children.get(pid, ()):
                yield from self.tree(child)


def read_processes() -> Processes:
    ticks: dict[int, int] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        fields = stat.rpartition(")")[2].split()  # the name may hold spaces and brackets; proc(5) counts from state, 3
        ticks[int(entry.name)] = sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        children[int(fields[1])].append(int(entry.name))
    return Processes(ticks=ticks, children=dict(children))
