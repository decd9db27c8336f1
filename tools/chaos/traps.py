"""Traps: a file in the run's folder for each death that is wanted. The first worker to pass the point takes it.

A trap may be meant for the workers of one queue; when none of them comes for a while, it takes whoever comes. Taking is
one rename, so a trap catches exactly one process, and the taken ones are the count.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tools.chaos.points import Point


@dataclass(frozen=True, kw_only=True)
class Traps:
    folder: Path
    queue: str = ""
    """What the process serves that passes the points."""
    patience_seconds: float = 2.0
    """How long a trap waits for those it is meant for."""

    def make_folders(self) -> None:
        self._armed.mkdir(parents=True)
        self._taken.mkdir()

    def arm(self, point: Point, *, queue: str = "", seconds: float = 0.0) -> None:
        """The next worker that passes the point, of this queue if one is named, dies there or stands still so long."""
        half = self.folder / uuid4().hex
        half.write_text(str(seconds))
        half.rename(self._armed / f"{point.name}.{queue}.{half.name}")

    def disarm_all(self) -> int:
        """Nobody dies any more; how many were waiting."""
        disarmed = 0
        for trap in list(self._armed.iterdir()):
            trap.unlink(missing_ok=True)
            disarmed += 1
        return disarmed

    def taken(self) -> Counter[tuple[Point, str]]:
        """How many processes of each queue were caught at each point."""
        return Counter((Point[point], queue) for point, queue, _ in map(_parts, os.listdir(self._taken)))  # noqa: PTH208

    def deaths(self) -> int:
        """How many processes died at a point."""
        return sum(times for (point, _), times in self.taken().items() if point is not Point.STALLED)

    def take(self, point: Point) -> str | None:
        """The name of a trap that is now the caller's; None when none is armed for the point."""
        for name in os.listdir(self._armed):  # noqa: PTH208 - on the path of every job: the cheapest look
            its_point, queue, number = _parts(name)
            with suppress(FileNotFoundError):  # another worker was quicker
                if its_point == point.name and (queue in ("", self.queue) or self._waited_enough(name)):
                    mine = f"{its_point}.{self.queue}.{number}"
                    (self._armed / name).rename(self._taken / mine)
                    return mine
        return None

    def give_back(self, name: str) -> None:
        """Arm a taken trap again: the point was not reached as it should be."""
        (self._taken / name).rename(self._armed / name)

    def strike(self, point: Point) -> None:
        """Die here and now, if a trap is armed for the point."""
        if self.take(point) is not None:
            die()

    def stall(self) -> None:
        """Stand still here and now, if a trap says so."""
        if name := self.take(Point.STALLED):
            time.sleep(float((self._taken / name).read_text()))

    def _waited_enough(self, name: str) -> bool:
        return time.time() - (self._armed / name).stat().st_mtime > self.patience_seconds

    @property
    def _armed(self) -> Path:
        return self.folder / "armed"

    @property
    def _taken(self) -> Path:
        return self.folder / "taken"


def _parts(name: str) -> tuple[str, str, str]:
    """Of a trap's file: the point, whom it is meant for or who was caught, and a number of its own."""
    point, queue, number = name.split(".")
    return point, queue, number


def die() -> None:
    """As if by kill -9: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
