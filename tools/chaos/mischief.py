"""Carries the plan out."""

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

from tools.chaos import mail_episodes
from tools.chaos.episodes import CALM, EPISODES
from tools.chaos.events import EMPTY, TWO_OPERATORS, Event, Kind, Victim
from tools.chaos.mail_episodes import MAIL_EPISODES
from tools.chaos.points import Point
from tools.chaos.requeueing import requeue_failed
from tools.chaos.system import API, CLOCKS, POSTGRES, VALKEY, WORKERS, System
from tools.chaos.tables import Tables
from tools.sandbox.control import Faults
from tools.sandbox.mail.control import MailFault

_TRY_AGAIN_SECONDS = 0.5


@dataclass(kw_only=True)
class Mischief:
    """Does what is due whenever it is asked to go on. What cannot be done yet (its victim is down) is tried again."""

    system: System
    tables: Tables
    schedule_ids: Mapping[int, str]
    """By the number of the message."""
    plan: Sequence[Event]
    done: Counter[str] = field(default_factory=Counter[str])
    """What was really done, by kind and detail. Deaths at a point are counted where they happen."""
    requeued_jobs: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    """How often the carrier met a request, or made a callback, with each fault."""
    mail_faults: Counter[str] = field(default_factory=Counter[str])
    """How often the mail server did, by step and what it did there."""

    def __post_init__(self) -> None:
        self._order = count()
        self._agenda = [(event.at_seconds, next(self._order), event) for event in self.plan]
        heapq.heapify(self._agenda)

    def go_on(self, now_seconds: float) -> None:
        """Do everything due `now_seconds` after the start."""
        while self._agenda and self._agenda[0][0] <= now_seconds:
            _, _, event = heapq.heappop(self._agenda)
            if not self._do[event.kind](event):
                heapq.heappush(self._agenda, (now_seconds + _TRY_AGAIN_SECONDS, next(self._order), event))
            elif event.kind not in (Kind.TRAP, Kind.STALL, Kind.FAULTS, Kind.MAIL_FAULTS):
                self.done[f"{event.kind}: {event.detail}" if event.detail else event.kind] += 1

    def stop(self) -> None:
        """Nothing goes wrong any more: what was left to do is dropped, but for schedules that are due."""
        self._agenda = [item for item in self._agenda if item[-1].kind is Kind.DUE]
        heapq.heapify(self._agenda)
        self.system.traps.disarm_all()
        self.system.fleet.let_all_go_on()
        self._change_faults(CALM)
        self._change_mail_faults(mail_episodes.CALM)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return not self._agenda

    @property
    def deaths(self) -> int:
        """Processes killed so far, at a point or anywhere; servers not counted."""
        killed = sum(times for what, times in self.done.items() if what.startswith(f"{Kind.KILL}:"))
        return killed + self.system.traps.deaths()

    @property
    def _do(self) -> Mapping[Kind, Callable[[Event], bool]]:
        return {
            Kind.TRAP: self._set_trap,
            Kind.KILL: self._kill,
            Kind.STALL: self._set_stall,
            Kind.FLUSH: self._flush,
            Kind.REDIS: self._restart_redis,
            Kind.POSTGRES: self._restart_postgres,
            Kind.REDIS_STALL: partial(self._stall_server, VALKEY),
            Kind.POSTGRES_STALL: partial(self._stall_server, POSTGRES),
            Kind.FAULTS: self._set_faults,
            Kind.MAIL_FAULTS: self._set_mail_faults,
            Kind.REQUEUE: self._requeue,
            Kind.DUE: self._make_due,
            Kind.SET_BACK: self._make_due,
        }

    def _set_trap(self, event: Event) -> bool:
        self.system.traps.arm(Point(event.detail), queue=event.queue)
        return True

    def _kill(self, event: Event) -> bool:
        fleet = self.system.fleet
        match event.detail:
            case Victim.WORKER:
                return _kill_one([pid for name in WORKERS for pid in fleet.children(name)], event.draw)
            case Victim.API_WORKER:
                return _kill_one(fleet.children(API), event.draw)
            case Victim.WORKERS:
                return fleet.kill(WORKERS[int(event.draw * len(WORKERS))])
            case Victim.API_MASTER:
                return fleet.kill(API)
            case Victim.API:
                return fleet.kill(API, whole=True)
            case Victim.CLOCKS:
                return sum(fleet.kill(name) for name in CLOCKS) > 0
            case _:
                return fleet.kill(CLOCKS[int(event.draw * len(CLOCKS))])

    def _set_stall(self, event: Event) -> bool:
        self.system.traps.arm(Point.STALLED, seconds=event.lasts_seconds)
        return True

    def _flush(self, _event: Event) -> bool:
        try:
            with Redis.from_url(self.system.valkey.url(), socket_timeout=2.0) as redis:
                return bool(redis.flushall())
        except RedisError:
            return False

    def _restart_redis(self, event: Event) -> bool:
        forget = self.system.forget_redis if event.detail == EMPTY else None
        return self.system.fleet.kill(VALKEY, down_seconds=event.lasts_seconds, then=forget)

    def _restart_postgres(self, event: Event) -> bool:
        return self.system.fleet.kill(POSTGRES, down_seconds=event.lasts_seconds)

    def _stall_server(self, name: str, event: Event) -> bool:
        return self.system.fleet.stall(name, seconds=event.lasts_seconds)

    def _set_faults(self, event: Event) -> bool:
        self._change_faults(EPISODES[event.detail] if event.detail else CALM)
        if event.detail:
            self.done[f"{Kind.FAULTS}: {event.detail}"] += 1
        return True

    def _change_faults(self, faults: Faults) -> None:
        sandbox = self.system.sandbox
        self.faults.update(sandbox.summary().faults_drawn)  # its counts begin anew with each change
        sandbox.set_faults(faults)

    def _set_mail_faults(self, event: Event) -> bool:
        self._change_mail_faults(MAIL_EPISODES[event.detail] if event.detail else mail_episodes.CALM)
        if event.detail:
            self.done[f"{Kind.MAIL_FAULTS}: {event.detail}"] += 1
        return True

    def _change_mail_faults(self, faults: Sequence[MailFault]) -> None:
        sandbox = self.system.mail_sandbox
        self.mail_faults.update(sandbox.summary().faults_met)
        sandbox.set_faults(*faults)

    def _make_due(self, event: Event) -> bool:
        try:
            self.tables.make_due(self.schedule_ids[event.schedule])
        except psycopg.Error:
            return False
        return True

    def _requeue(self, event: Event) -> bool:
        operators = 2 if event.detail == TWO_OPERATORS else 1
        self.requeued_jobs += requeue_failed(self.system.valkey.url(), operators=operators)
        return True


def _kill_one(pids: Sequence[int], draw: float) -> bool:
    """SIGKILL one of the processes, chosen by `draw`; false when there is none."""
    if not pids:
        return False
    try:
        os.kill(pids[int(draw * len(pids))], signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
