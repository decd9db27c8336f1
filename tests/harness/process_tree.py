"""Which processes run, and which they started, read from /proc (Linux)."""

from __future__ import annotations

from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process runs. One that has ended and waits to be reaped does not."""
    return _state(pid) not in {None, "Z", "X"}


def descendants(pid: int) -> set[int]:
    """The process's children, their children, and so on, without itself."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _fields(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: set[int] = set()
    to_visit = [pid]
    while to_visit:
        for child in children.get(to_visit.pop(), []):
            found.add(child)
            to_visit.append(child)
    return found


def _state(pid: int) -> str | None:
    fields = _fields(pid)
    return fields[0] if fields else None


def _fields(pid: int) -> list[str] | None:
    """Of /proc/PID/stat, what follows the name: state, parent and more (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
