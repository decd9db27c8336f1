"""The output files of the processes that the tests start, for the report of a test that fails."""

from __future__ import annotations

from pathlib import Path

_SHOWN_CHARACTERS = 20_000

_files: dict[Path, tuple[str, int]] = {}
"""Of each file: the name of its process, and how much of it was written before the running test."""


def report_output(name: str, path: Path) -> None:
    """Have what the process writes to the file from now on reported if a test fails."""
    _files[path] = (name, _size(path))


def begin_test() -> None:
    """Leave what was written so far out of the reports."""
    for path, (name, _) in list(_files.items()):
        if path.exists():
            _files[path] = (name, _size(path))
        else:
            del _files[path]


def sections() -> list[tuple[str, str]]:
    """(title, text) for each process that wrote something since the test began."""
    found = ((f"output of {name} ({path})", _read(path, start)) for path, (name, start) in _files.items())
    return [(title, text) for title, text in found if text]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, start: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(start if _size(path) >= start else 0)  # a file that was opened anew begins at 0
        text = file.read().decode(errors="replace").strip()
    return text if len(text) <= _SHOWN_CHARACTERS else f"[…]\n{text[-_SHOWN_CHARACTERS:]}"
