"""One run, from an empty folder to the report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psycopg
from redis.exceptions import RedisError

from chaos.churches import found_church
from chaos.comparison import ApiCounts, Evidence, compare
from chaos.complaints import read_complaints
from chaos.episodes import CALM
from chaos.fleet import Fleet
from chaos.mischief import Mischief
from chaos.parameters import Parameters
from chaos.plan import make_plan
from chaos.posts import church_paces, church_sizes, make_posts
from chaos.report import Report
from chaos.requeueing import count_failed, requeue_failed
from chaos.settling import Patience, Settled, settle
from chaos.staff import Staff
from chaos.system import CLOCK, SANDBOX, WORKERS, NotStarted, System
from chaos.tables import Tables
from chaos.traps import Traps
from dev.api_client import ApiClient, Refused, Unreachable
from sandbox.control import SandboxError

_TICK_SECONDS = 0.05
_POSTS_MAY_TAKE_SECONDS = 60.0
"""After the mischief, for messages that were not accepted yet."""
_DRAIN_SECONDS = 20.0


@dataclass(kw_only=True)
class Run:
    """A run in `folder`; `say` is told a line now and then."""

    parameters: Parameters
    folder: Path
    patience: Patience
    say: Callable[[str], None]

    def execute(self) -> Report:
        """Bring everything up, do the mischief, let it settle, compare; no process is left. Raises NotStarted."""
        with Fleet() as fleet:
            traps = Traps(folder=self.folder / "traps")
            self._system = System(folder=self.folder, parameters=self.parameters, fleet=fleet, traps=traps)
            self.say(f"starting everything in {self.folder}")
            self._system.start()
            self._tables = Tables(self._system.ledger_url)
            self._staff = self._hire()
            self._mischief = Mischief(system=self._system, plan=make_plan(self.parameters))
            self._began = self._said_at = time.monotonic()
            self._go_wrong()
            return self._report(self._settle())

    def _hire(self) -> Staff:
        self._system.sandbox.set_faults(CALM)
        posts = make_posts(self.parameters)
        paces = church_paces(self.parameters, posts)
        churches = [
            found_church(self._system, number=number, size=size, pace=pace)
            for number, (size, pace) in enumerate(zip(church_sizes(self.parameters), paces, strict=True))
        ]
        return Staff(
            base_url=self._system.api_url,
            churches=churches,
            posts=posts,
            run_id=f"chaos-{self.parameters.seed}-{os.getpid()}",
        )

    def _go_wrong(self) -> None:
        self._staff.start()
        while (seconds := time.monotonic() - self._began) < self.parameters.mischief_seconds:
            self._mischief.go_on(seconds)
            self._tick()
            time.sleep(_TICK_SECONDS)
        self._mischief.stop()

    def _settle(self) -> Settled:
        deadline = time.monotonic() + _POSTS_MAY_TAKE_SECONDS
        while not self._staff.is_done and time.monotonic() < deadline:
            self._tick()
            time.sleep(_TICK_SECONDS)
        self._staff.stop()
        self.say("no more mischief: settling")
        self._requeued_last = requeue_failed(self._system.valkey.url())
        return settle(self._system, self._tables, self.patience, each_time=self._tick_calmly)

    def _tick(self) -> None:
        self._system.fleet.tick()
        if time.monotonic() - self._said_at >= 1.0:
            self._said_at = time.monotonic()
            self.say(self._progress())

    def _tick_calmly(self) -> None:
        self._system.traps.disarm_all()  # a worker may have given one back
        self._tick()

    def _progress(self) -> str:
        sent = ended = unknown = "-"
        with suppress(SandboxError, HTTPException, OSError):
            sent = f"{self._system.sandbox.summary().accepted:,}"
        with suppress(psycopg.Error):
            standing = self._tables.standing()
            ended, unknown = f"{standing.ended:,}", f"{standing.statuses['unknown']:,}"
        return (
            f"{time.monotonic() - self._began:6.1f} s  accepted {len(self._staff.accepted):,} messages of "
            f"{len(self._staff.posts):,}  sent {sent}  done {ended} of {self.parameters.deliveries:,}  "
            f"unknown {unknown}  kills {self._mischief.deaths} of {self.parameters.kills}"
        )

    def _report(self, settled: Settled) -> Report:
        failed_jobs = -1
        with suppress(RedisError):
            failed_jobs = count_failed(self._system.valkey.url())
        self._system.fleet.stop(*WORKERS, CLOCK, patience_seconds=_DRAIN_SECONDS)
        evidence = self._gather()
        if self._system.fleet.restarts[SANDBOX]:
            raise NotStarted("the sandbox carrier ended by itself, and its ledger with it: nothing can be compared")
        return Report(
            evidence=evidence,
            findings=compare(evidence),
            caught=self._system.traps.taken(),
            done=self._mischief.done,
            restarts=self._system.fleet.restarts,
            answers=self._staff.answers,
            refused=[*self._staff.refused, *self._unaccepted()],
            faults=self._mischief.faults,
            complaints=read_complaints(self.folder),
            kills=self._mischief.deaths,
            kills_planned=self.parameters.kills,
            requeued_jobs=self._mischief.requeued_jobs + self._requeued_last,
            failed_jobs=failed_jobs,
            settled=settled,
        )

    def _gather(self) -> Evidence:
        accepted = tuple(self._staff.accepted)
        deliveries, messages = self._tables.deliveries(), self._tables.messages()
        ledger = self._system.sandbox.ledger()  # last: what the tables say was sent must be in it
        counts = {
            one.message_id: counts for one in accepted if (counts := self._ask_counts(one.message_id, one.post.church))
        }
        return Evidence(accepted=accepted, messages=messages, deliveries=deliveries, ledger=ledger, api_counts=counts)

    def _ask_counts(self, message_id: str, church: int) -> ApiCounts | None:
        api = ApiClient(base_url=self._system.api_url, key=self._staff.churches[church].key, timeout_seconds=30.0)
        try:
            return api.get(f"/api/messages/{message_id}")["counts"]
        except (Refused, Unreachable):
            return None

    def _unaccepted(self) -> list[str]:
        known = {one.post.number for one in self._staff.accepted}
        return [f"message {post.number} was never accepted" for post in self._staff.posts if post.number not in known]
