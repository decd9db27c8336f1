"""Armed failpoints are files in the run's folder. The first worker that reaches an armed failpoint takes its file.

A file may name a queue; if no worker of that queue takes it within a few seconds, a worker of any queue may. Taking a
file is one rename, so each armed failpoint affects exactly one process. The renamed files record what happened.
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

from tools.chaos.worker.failpoints import STALLS, Failpoint


@dataclass(frozen=True, kw_only=True)
class ArmedFailpoints:
    folder: Path
    queue: str = ""
    """The queue that this process serves; empty in the process that arms the failpoints."""
    any_queue_after_seconds: float = 2.0
    """How long a failpoint armed for another queue is left to the workers of that queue."""

    def make_folders(self) -> None:
        self._armed.mkdir(parents=True)
        self._taken.mkdir()

    def arm(self, point: Failpoint, *, queue: str = "", seconds: float = 0.0) -> None:
        """Kill the next worker that reaches the failpoint, or stall it for `seconds`. `queue`: prefer its workers."""
        unarmed = self.folder / uuid4().hex
        unarmed.write_text(str(seconds))
        unarmed.rename(self._armed / f"{point.name}.{queue}.{unarmed.name}")

    def disarm_all(self) -> int:
        """Disarm every failpoint that no worker has taken. Returns how many there were."""
        disarmed = 0
        for file in list(self._armed.iterdir()):
            file.unlink(missing_ok=True)
            disarmed += 1
        return disarmed

    def taken(self) -> Counter[tuple[Failpoint, str]]:
        """How many workers of each queue were killed or stalled at each failpoint."""
        return Counter((Failpoint[point], queue) for point, queue, _ in map(_parts, os.listdir(self._taken)))  # noqa: PTH208

    def kills(self) -> int:
        """How many processes were killed at a failpoint."""
        return sum(times for (point, _), times in self.taken().items() if point not in STALLS)

    def take(self, point: Failpoint) -> str | None:
        """Take a file armed for the failpoint and return its name; None when there is none for this process."""
        for name in os.listdir(self._armed):  # noqa: PTH208 - the fastest way: every job runs this
            armed_point, queue, number = _parts(name)
            with suppress(FileNotFoundError):  # another worker took it first
                if armed_point == point.name and (queue in ("", self.queue) or self._is_for_any_queue(name)):
                    taken_name = f"{armed_point}.{self.queue}.{number}"
                    (self._armed / name).rename(self._taken / taken_name)
                    return taken_name
        return None

    def give_back(self, name: str) -> None:
        """Arm a taken failpoint again because the process was not in the state that it needs."""
        (self._taken / name).rename(self._armed / name)

    def kill_here(self, point: Failpoint) -> None:
        """Kill this process if the failpoint is armed."""
        if self.take(point) is not None:
            kill_this_process()

    def stall_here(self, point: Failpoint) -> None:
        """Stall this process if the failpoint is armed."""
        if name := self.take(point):
            time.sleep(float((self._taken / name).read_text()))

    def _is_for_any_queue(self, name: str) -> bool:
        return time.time() - (self._armed / name).stat().st_mtime > self.any_queue_after_seconds

    @property
    def _armed(self) -> Path:
        return self.folder / "armed"

    @property
    def _taken(self) -> Path:
        return self.folder / "taken"


def _parts(name: str) -> tuple[str, str, str]:
    """Failpoint, queue and unique id in a file's name. The queue of a taken one is that of the worker that took it."""
    point, queue, number = name.split(".")
    return point, queue, number


def kill_this_process() -> None:
    """Like kill -9: no handler runs and no buffer is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
