"""Whether processes run, and their descendants, from /proc (Linux)."""

from __future__ import annotations

from pathlib import Path


def is_running(pid: int) -> bool:
    """Return whether the process runs. One that has exited and is not reaped does not."""
    return _state(pid) not in {None, "Z", "X"}


def descendants(pid: int) -> set[int]:
    """Return the process's children, their children, and so on, without itself."""
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
    """Return the fields of /proc/PID/stat after the name: state, parent and more (proc_pid_stat(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
