"""Reads parents and children from /proc, and adopts orphaned processes. Linux only, like /proc and prctl(2)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans() -> None:
    """Become the parent of processes that our children leave behind, so that none of them outlives the run."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(parent: int) -> list[int]:
    """The process ids of the living children, the oldest first."""
    return sorted(pid for pid, (its_parent, state) in _processes().items() if its_parent == parent and state != "Z")


def descendants(parent: int) -> list[int]:
    """The process ids of the living children, their children, and so on."""
    processes = _processes()
    found: list[int] = []
    to_visit = [parent]
    while to_visit:
        visited = to_visit.pop()
        of_visited = [pid for pid, (its_parent, state) in processes.items() if its_parent == visited and state != "Z"]
        found += of_visited
        to_visit += of_visited
    return found


def kill_children(*, timeout_seconds: float = 10.0) -> int:
    """Kill and reap every child of this process, then the orphans that these leave. Returns how many there were."""
    killed = 0
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        ours = [pid for pid, (parent, _) in _processes().items() if parent == os.getpid()]
        if not ours:
            break
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            killed += 1
    return killed


def reap_orphans(known: set[int]) -> None:
    """Reap our dead children that nobody else waits for: all but `known`."""
    for pid, (parent, state) in _processes().items():
        if parent == os.getpid() and state == "Z" and pid not in known:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and state by process id."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        state, parent = stat.rpartition(")")[2].split()[:2]  # the name may contain spaces and brackets
        found[int(entry.name)] = (int(parent), state)
    return found
