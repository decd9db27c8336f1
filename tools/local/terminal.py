"""What the person who started bin/run sees: our lines, one line that is rewritten, and the programs' logs."""

from __future__ import annotations

import sys
import time
from pathlib import Path


def is_routine(line: str) -> bool:
    """Whether a log line says that all is well (LOG_FORMAT text or json)."""
    return "[info " in line or '"level": "info"' in line


class Terminal:
    """Standard output. Not a terminal: nothing is rewritten, and the moving line comes once a second."""

    def __init__(self) -> None:
        self._rewrites = sys.stdout.isatty()
        self._moving = ""
        self._moved_at = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(text, flush=True)
        if self._moving:
            print(self._moving, end="", flush=True)

    def move(self, text: str) -> None:
        """The moving line as it is now."""
        if self._rewrites:
            self._clear()
            self._moving = text
            print(text, end="", flush=True)
        elif time.monotonic() - self._moved_at >= 1.0:
            self._moved_at = time.monotonic()
            print(text, flush=True)

    def settle(self, text: str) -> None:
        """The moving line for the last time; it stays."""
        self._clear()
        self._moving = ""
        print(text, flush=True)

    def _clear(self) -> None:
        if self._moving:
            print("\r\x1b[2K", end="")


class LogFile:
    """What a program writes, in a file that outlives the terminal: a program that drains may always write."""

    def __init__(self, path: Path) -> None:
        """Start a new file; the one of the run before is kept beside it."""
        self.path = path
        if path.exists():
            path.replace(path.with_name(path.name + ".before"))
        path.touch(mode=0o600)
        self._read_to = 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        """The whole lines written since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            chunk = file.read()
        self._read_to += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def last_lines(self, count: int) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()[-count:]
