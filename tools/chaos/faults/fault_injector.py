"""Injects the planned faults."""

from __future__ import annotations

import heapq
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from tools.chaos.faults import carrier_episodes, mail_server_episodes
from tools.chaos.faults.carrier_episodes import CARRIER_EPISODES
from tools.chaos.faults.mail_server_episodes import MAIL_SERVER_EPISODES
from tools.chaos.faults.planned_faults import EMPTY, TWO_OPERATORS, FaultKind, KillTarget, PlannedFault
from tools.chaos.faults.requeue_failed_jobs import requeue_failed_jobs
from tools.chaos.system.product_tables import ProductTables
from tools.chaos.system.system import API, CLOCKS, POSTGRES, VALKEY, WORKERS, System
from tools.chaos.worker.failpoints import Failpoint
from tools.sandbox.control import Faults
from tools.sandbox.mail.control import MailFault

_RETRY_SECONDS = 0.5


@dataclass(kw_only=True)
class FaultInjector:
    """Injects each fault when it is due. A fault that is not possible yet, because its target is down, is retried."""

    system: System
    tables: ProductTables
    schedule_ids: Mapping[int, str]
    """By the number of the schedule's message."""
    plan: Sequence[PlannedFault]
    injected: Counter[str] = field(default_factory=Counter[str])
    """Faults injected so far, by kind and detail. What happens at failpoints is counted by `ArmedFailpoints`."""
    requeued_jobs: int = 0
    carrier_faults: Counter[str] = field(default_factory=Counter[str])
    """How often the carrier applied each fault to a request or a callback."""
    mail_server_faults: Counter[str] = field(default_factory=Counter[str])
    """How often the mail server applied each fault, by SMTP step and action."""

    def __post_init__(self) -> None:
        self._order = count()
        self._pending = [(fault.at_seconds, next(self._order), fault) for fault in self.plan]
        heapq.heapify(self._pending)

    def inject_due(self, now_seconds: float) -> None:
        """Inject every fault that is due `now_seconds` after the start."""
        while self._pending and self._pending[0][0] <= now_seconds:
            _, _, fault = heapq.heappop(self._pending)
            if not self._inject[fault.kind](fault):
                heapq.heappush(self._pending, (now_seconds + _RETRY_SECONDS, next(self._order), fault))
            elif fault.kind not in (
                FaultKind.KILL_AT_FAILPOINT,
                FaultKind.STALL_WORKER,
                FaultKind.CARRIER_EPISODE,
                FaultKind.MAIL_SERVER_EPISODE,
            ):
                self.injected[f"{fault.kind}: {fault.detail}" if fault.detail else fault.kind] += 1

    def stop(self) -> None:
        """End all faults and drop the pending ones. Schedules that are still to be made due are kept."""
        self._pending = [item for item in self._pending if item[-1].kind is FaultKind.MAKE_DUE]
        heapq.heapify(self._pending)
        self.system.failpoints.disarm_all()
        self.system.processes.resume_all()
        self._change_carrier_faults(carrier_episodes.BASELINE)
        self._change_mail_server_faults(mail_server_episodes.BASELINE)

    @property
    def is_done(self) -> bool:
        return not self._pending

    @property
    def kills(self) -> int:
        """Processes killed so far, at a failpoint or at a random moment; without servers."""
        killed = sum(times for what, times in self.injected.items() if what.startswith(f"{FaultKind.KILL}:"))
        return killed + self.system.failpoints.kills()

    @property
    def _inject(self) -> Mapping[FaultKind, Callable[[PlannedFault], bool]]:
        """By kind: injects a fault, and returns False if that is not possible yet."""
        return {
            FaultKind.KILL_AT_FAILPOINT: self._arm_kill,
            FaultKind.KILL: self._kill,
            FaultKind.STALL_WORKER: self._arm_stall,
            FaultKind.FLUSH: self._flush,
            FaultKind.RESTART_REDIS: self._restart_redis,
            FaultKind.RESTART_POSTGRES: self._restart_postgres,
            FaultKind.STALL_REDIS: partial(self._stall_server, VALKEY),
            FaultKind.STALL_POSTGRES: partial(self._stall_server, POSTGRES),
            FaultKind.CARRIER_EPISODE: self._set_carrier_episode,
            FaultKind.MAIL_SERVER_EPISODE: self._set_mail_server_episode,
            FaultKind.REQUEUE: self._requeue,
            FaultKind.MAKE_DUE: self._make_due,
            FaultKind.SET_BACK: self._make_due,
        }

    def _arm_kill(self, fault: PlannedFault) -> bool:
        self.system.failpoints.arm(Failpoint(fault.detail), queue=fault.queue)
        return True

    def _kill(self, fault: PlannedFault) -> bool:
        processes = self.system.processes
        match fault.detail:
            case KillTarget.WORKER:
                return _kill_one([pid for name in WORKERS for pid in processes.children(name)], fault.draw)
            case KillTarget.API_WORKER:
                return _kill_one(processes.children(API), fault.draw)
            case KillTarget.WORKER_SUPERVISOR:
                return processes.kill(WORKERS[int(fault.draw * len(WORKERS))])
            case KillTarget.API_MASTER:
                return processes.kill(API)
            case KillTarget.WHOLE_API:
                return processes.kill(API, whole_group=True)
            case KillTarget.BOTH_CLOCKS:
                return sum(processes.kill(name) for name in CLOCKS) > 0
            case _:
                return processes.kill(CLOCKS[int(fault.draw * len(CLOCKS))])

    def _arm_stall(self, fault: PlannedFault) -> bool:
        self.system.failpoints.arm(Failpoint(fault.detail), seconds=fault.duration_seconds)
        return True

    def _flush(self, _fault: PlannedFault) -> bool:
        try:
            with Redis.from_url(self.system.valkey.url(), socket_timeout=2.0) as redis:
                return bool(redis.flushall())
        except RedisError:
            return False

    def _restart_redis(self, fault: PlannedFault) -> bool:
        delete_data = self.system.delete_redis_data if fault.detail == EMPTY else None
        return self.system.processes.kill(VALKEY, down_seconds=fault.duration_seconds, while_down=delete_data)

    def _restart_postgres(self, fault: PlannedFault) -> bool:
        return self.system.processes.kill(POSTGRES, down_seconds=fault.duration_seconds)

    def _stall_server(self, name: str, fault: PlannedFault) -> bool:
        return self.system.processes.stall(name, seconds=fault.duration_seconds)

    def _set_carrier_episode(self, fault: PlannedFault) -> bool:
        self._change_carrier_faults(CARRIER_EPISODES[fault.detail] if fault.detail else carrier_episodes.BASELINE)
        if fault.detail:
            self.injected[f"{FaultKind.CARRIER_EPISODE}: {fault.detail}"] += 1
        return True

    def _change_carrier_faults(self, faults: Faults) -> None:
        sandbox = self.system.sandbox
        self.carrier_faults.update(sandbox.summary().faults_drawn)  # each change resets the sandbox's counts
        sandbox.set_faults(faults)

    def _set_mail_server_episode(self, fault: PlannedFault) -> bool:
        self._change_mail_server_faults(
            MAIL_SERVER_EPISODES[fault.detail] if fault.detail else mail_server_episodes.BASELINE
        )
        if fault.detail:
            self.injected[f"{FaultKind.MAIL_SERVER_EPISODE}: {fault.detail}"] += 1
        return True

    def _change_mail_server_faults(self, faults: Sequence[MailFault]) -> None:
        sandbox = self.system.mail_sandbox
        self.mail_server_faults.update(sandbox.summary().faults_met)
        sandbox.set_faults(*faults)

    def _make_due(self, fault: PlannedFault) -> bool:
        try:
            self.tables.make_due(self.schedule_ids[fault.message_number])
        except psycopg.Error:
            return False
        return True

    def _requeue(self, fault: PlannedFault) -> bool:
        operators = 2 if fault.detail == TWO_OPERATORS else 1
        self.requeued_jobs += requeue_failed_jobs(self.system.valkey.url(), operators=operators)
        return True


def _kill_one(pids: Sequence[int], draw: float) -> bool:
    """SIGKILL one of the processes, selected by `draw`. Returns False when there is none."""
    if not pids:
        return False
    try:
        os.kill(pids[int(draw * len(pids))], signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
