"""What can go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tools.chaos.points import Point


class Kind(StrEnum):
    TRAP = "trap"
    """A worker dies at the point that `detail` names, of `queue` if one is there in time."""
    KILL = "kill"
    """A process of the group that `detail` names dies, wherever it is."""
    STALL = "stall"
    """A worker stands still once it has claimed."""
    FLUSH = "flush Redis"
    REDIS = "restart Redis"
    """`detail`: with its data, or empty."""
    POSTGRES = "restart PostgreSQL"
    REDIS_STALL = "Redis stands still"
    """It takes connections and does not answer, then goes on where it was."""
    POSTGRES_STALL = "PostgreSQL stands still"
    """The same of PostgreSQL, with all its sessions."""
    FAULTS = "carrier"
    """From now on the carrier behaves as the episode `detail`; without one it is calm."""
    MAIL_FAULTS = "mail server"
    """The same of the mail server."""
    DUE = "schedule made due"
    SET_BACK = "schedule set back"
    """One that has had its run is told that this comes next."""
    REQUEUE = "requeue all failed jobs"
    """`detail`: by one operator, or by two at once."""


class Victim(StrEnum):
    """Groups of processes that are killed at any moment."""

    WORKER = "worker"
    WORKERS = "worker.py"
    CLOCK = "clock"
    """One of the two."""
    CLOCKS = "both clocks"
    API_WORKER = "API worker"
    API_MASTER = "API master"
    """Its workers outlive it, as orphans."""
    API = "whole API"


EMPTY, WITH_DATA = "empty", "with its data"
TWO_OPERATORS, ONE_OPERATOR = "two operators at once", "one operator"

DEATHS: Sequence[tuple[Kind, str, int]] = (
    (Kind.TRAP, Point.AFTER_ACCEPTANCE, 4),
    (Kind.TRAP, Point.AFTER_CLAIM, 3),
    (Kind.TRAP, Point.HALF_RECORDED, 3),
    (Kind.KILL, Victim.WORKER, 3),
    (Kind.TRAP, Point.BEFORE_RING, 2),
    (Kind.KILL, Victim.API_WORKER, 2),
    (Kind.KILL, Victim.WORKERS, 2),
    (Kind.TRAP, Point.BEFORE_CLAIM, 1),
    (Kind.TRAP, Point.RUN_TAKEN, 1),
    (Kind.TRAP, Point.RUN_WRITTEN, 1),
    (Kind.TRAP, Point.RUN_COMMITTED, 1),
    (Kind.KILL, Victim.CLOCK, 1),
    (Kind.KILL, Victim.CLOCKS, 1),
    (Kind.KILL, Victim.API, 1),
    (Kind.KILL, Victim.API_MASTER, 1),
)
"""Ways to die, and how often each in proportion."""
OF_RUNS = frozenset[str]({Point.RUN_TAKEN, Point.RUN_WRITTEN, Point.RUN_COMMITTED, Victim.CLOCK, Victim.CLOCKS})
"""Those of them that matter while a schedule is due."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that goes wrong, `at_seconds` after the start."""

    at_seconds: float
    kind: Kind
    detail: str = ""
    queue: str = ""
    """Whose worker is to die."""
    schedule: int = 0
    """The number of its message."""
    lasts_seconds: float = 0.0
    """How long a server stays down, or a worker stands still."""
    draw: float = 0.0
    """In [0, 1): which of several it hits."""

    def __str__(self) -> str:
        lasts = f" for {self.lasts_seconds:.1f} s" if self.lasts_seconds else ""
        queue = f" ({self.queue})" if self.queue else ""
        return f"{self.at_seconds:7.2f} s  {self.kind}{': ' if self.detail else ''}{self.detail}{queue}{lasts}"
