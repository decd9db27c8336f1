"""The kinds of fault, and how often each way of killing a process is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tools.chaos.worker.failpoints import Failpoint


class FaultKind(StrEnum):
    KILL_AT_FAILPOINT = "kill at failpoint"
    """Kill a worker at the failpoint `detail`, preferably one of `queue`."""
    KILL = "kill"
    """Kill the `KillTarget` in `detail`, whatever it is doing."""
    STALL_WORKER = "stall worker"
    """Stall a worker after its claim, at the failpoint `detail`."""
    FLUSH = "flush Redis"
    RESTART_REDIS = "restart Redis"
    """`detail`: with its data or empty."""
    RESTART_POSTGRES = "restart PostgreSQL"
    STALL_REDIS = "stall Redis"
    """Redis accepts connections but does not answer; then it continues."""
    STALL_POSTGRES = "stall PostgreSQL"
    """The same for PostgreSQL and all its sessions."""
    CARRIER_EPISODE = "carrier"
    """The carrier behaves from now on as in the episode `detail`; an empty `detail` ends the episode."""
    MAIL_SERVER_EPISODE = "mail server"
    """The same for the mail server."""
    MAKE_DUE = "make schedule due"
    SET_BACK = "set schedule back"
    """Make a schedule due for a run that it has already had."""
    REQUEUE = "requeue all failed jobs"
    """`detail`: by one operator, or by two at the same time."""


class KillTarget(StrEnum):
    """What is killed at a random moment."""

    WORKER = "worker"
    WORKER_SUPERVISOR = "worker.py"
    CLOCK = "clock"
    """One of the two."""
    BOTH_CLOCKS = "both clocks"
    API_WORKER = "API worker"
    API_MASTER = "API master"
    """Its workers continue as orphans."""
    WHOLE_API = "whole API"


EMPTY, WITH_DATA = "empty", "with its data"
TWO_OPERATORS, ONE_OPERATOR = "two operators at once", "one operator"

KILL_SHARES: Sequence[tuple[FaultKind, str, int]] = (
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.AFTER_ACCEPTANCE, 4),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.AFTER_CLAIM, 3),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.HALF_RECORDED, 3),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.PACED_AFTER_ACCEPTANCE, 3),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.PACED_AFTER_CLAIM, 3),
    (FaultKind.KILL, KillTarget.WORKER, 3),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.AFTER_EXPANSION, 2),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.PACED_HALF_RECORDED, 2),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.PACED_BEFORE_CLAIM, 2),
    (FaultKind.KILL, KillTarget.API_WORKER, 2),
    (FaultKind.KILL, KillTarget.WORKER_SUPERVISOR, 2),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.BEFORE_CLAIM, 1),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.RUN_DUE, 1),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.RUN_WRITTEN, 1),
    (FaultKind.KILL_AT_FAILPOINT, Failpoint.RUN_COMMITTED, 1),
    (FaultKind.KILL, KillTarget.CLOCK, 1),
    (FaultKind.KILL, KillTarget.BOTH_CLOCKS, 1),
    (FaultKind.KILL, KillTarget.WHOLE_API, 1),
    (FaultKind.KILL, KillTarget.API_MASTER, 1),
)
"""Kind, detail and relative frequency of each way to kill a process."""
SCHEDULE_RUN_KILLS = frozenset[str](
    {Failpoint.RUN_DUE, Failpoint.RUN_WRITTEN, Failpoint.RUN_COMMITTED, KillTarget.CLOCK, KillTarget.BOTH_CLOCKS}
)
"""The details of those that have an effect only while a schedule is due."""


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """One fault, injected `at_seconds` after the start."""

    at_seconds: float
    kind: FaultKind
    detail: str = ""
    queue: str = ""
    """The queue whose workers are preferred at a failpoint."""
    message_number: int = 0
    """The number of the schedule's message, for `MAKE_DUE` and `SET_BACK`."""
    duration_seconds: float = 0.0
    """How long a server stays down, or a server or worker is stalled."""
    draw: float = 0.0
    """A random number in [0, 1) that selects one of several targets."""

    def __str__(self) -> str:
        is_end = self.kind in (FaultKind.CARRIER_EPISODE, FaultKind.MAIL_SERVER_EPISODE) and not self.detail
        detail = "end of the episode" if is_end else self.detail
        duration = f" for {self.duration_seconds:.1f} s" if self.duration_seconds else ""
        queue = f" ({self.queue})" if self.queue else ""
        return f"{self.at_seconds:7.2f} s  {self.kind}{': ' if detail else ''}{detail}{queue}{duration}"
