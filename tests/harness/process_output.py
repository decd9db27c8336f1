"""The output files of the processes that the tests start, for the report of a test that fails."""

from __future__ import annotations

from pathlib import Path

_SHOWN_CHARACTERS = 20_000

_files: dict[Path, tuple[str, int]] = {}
"""For each file: the name of its process, and the size of the file before the current test."""


def report_output(name: str, path: Path) -> None:
    """Include what the process writes to the file from now on in the reports of failing tests."""
    _files[path] = (name, _size(path))


def begin_test() -> None:
    """Exclude what was written so far from the reports."""
    for path, (name, _) in list(_files.items()):
        if path.exists():
            _files[path] = (name, _size(path))
        else:
            del _files[path]


def sections() -> list[tuple[str, str]]:
    """Return (title, text) for each process that wrote something since the test began."""
    found = ((f"output of {name} ({path})", _read(path, start)) for path, (name, start) in _files.items())
    return [(title, text) for title, text in found if text]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, start: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(start if _size(path) >= start else 0)  # a truncated file is read from its start
        text = file.read().decode(errors="replace").strip()
    return text if len(text) <= _SHOWN_CHARACTERS else f"[…]\n{text[-_SHOWN_CHARACTERS:]}"
