"""The terminal output of bin/run: lines, one progress line that is rewritten, and the programs' logs."""

from __future__ import annotations

import sys
import time
from pathlib import Path


def is_routine(line: str) -> bool:
    """Return whether a log line has the level info (LOG_FORMAT text or json)."""
    return "[info " in line or '"level": "info"' in line


class Terminal:
    """Writes to standard output. If that is not a terminal, progress is printed once a second as a line of its own."""

    def __init__(self) -> None:
        self._rewrites = sys.stdout.isatty()
        self._progress = ""
        self._progress_at = 0.0

    def print_line(self, text: str) -> None:
        """Print a line above the progress line."""
        self._clear()
        print(text, flush=True)
        if self._progress:
            print(self._progress, end="", flush=True)

    def show_progress(self, text: str) -> None:
        """Replace the progress line."""
        if self._rewrites:
            self._clear()
            self._progress = text
            print(text, end="", flush=True)
        elif time.monotonic() - self._progress_at >= 1.0:
            self._progress_at = time.monotonic()
            print(text, flush=True)

    def finish_progress(self, text: str) -> None:
        """Replace the progress line by a line that stays."""
        self._clear()
        self._progress = ""
        print(text, flush=True)

    def _clear(self) -> None:
        if self._progress:
            print("\r\x1b[2K", end="")


class LogFile:
    """The output of a program, in a file: the program can write to it even after the terminal is closed."""

    def __init__(self, path: Path) -> None:
        """Create the file; that of the previous run gets the suffix `.before`."""
        self.path = path
        if path.exists():
            path.replace(path.with_name(path.name + ".before"))
        path.touch(mode=0o600)
        self._read_to = 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        """Return the complete lines written since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            chunk = file.read()
        self._read_to += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def last_lines(self, count: int) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()[-count:]
