"""One run, from an empty folder to the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psycopg
from redis.exceptions import RedisError

from tools.chaos import mail_episodes
from tools.chaos.comparison import compare
from tools.chaos.complaints import read_complaints
from tools.chaos.episodes import CALM
from tools.chaos.fleet import Fleet
from tools.chaos.gathering import gather
from tools.chaos.hiring import hire
from tools.chaos.mischief import Mischief
from tools.chaos.parameters import Parameters
from tools.chaos.plan import make_plan
from tools.chaos.report import Report
from tools.chaos.requeueing import count_failed, requeue_failed
from tools.chaos.settling import Patience, Settled, settle
from tools.chaos.system import CLOCKS, SANDBOX, WORKERS, NotStarted, System
from tools.chaos.tables import Tables
from tools.chaos.traps import Traps
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError

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
            self._system.sandbox.set_faults(CALM)
            self._system.mail_sandbox.set_faults(*mail_episodes.CALM)
            self._hired = hire(self._system, self.parameters)
            self._staff = self._hired.staff
            self._mischief = Mischief(
                system=self._system,
                tables=self._tables,
                schedule_ids={kept.schedule.post.number: kept.schedule_id for kept in self._hired.schedules},
                plan=make_plan(self.parameters),
            )
            self._began = self._said_at = time.monotonic()
            self._go_wrong()
            return self._report(self._settle())

    def _go_wrong(self) -> None:
        self._staff.start()
        while (seconds := time.monotonic() - self._began) < self.parameters.mischief_seconds:
            self._mischief.go_on(seconds)
            self._tick()
            time.sleep(_TICK_SECONDS)
        self._mischief.stop()

    def _settle(self) -> Settled:
        deadline = time.monotonic() + _POSTS_MAY_TAKE_SECONDS
        while not (self._staff.is_done and self._mischief.is_over) and time.monotonic() < deadline:
            self._mischief.go_on(time.monotonic() - self._began)
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
        sent = mailed = ended = unknown = "-"
        with suppress(SandboxError, MailSandboxError, HTTPException, OSError):
            sent = f"{self._system.sandbox.summary().accepted:,}"
            mailed = f"{self._system.mail_sandbox.summary().mails:,}"
        with suppress(psycopg.Error):
            standing = self._tables.standing()
            ended, unknown = f"{standing.ended:,}", f"{standing.in_status('unknown'):,}"
        return (
            f"{time.monotonic() - self._began:6.1f} s  accepted {len(self._staff.accepted):,} messages of "
            f"{len(self._staff.errands):,}  sent {sent}  mailed {mailed}  "
            f"done {ended} of {self.parameters.deliveries:,}  "
            f"unknown {unknown}  kills {self._mischief.deaths} of {self.parameters.kills}"
        )

    def _report(self, settled: Settled) -> Report:
        failed_jobs = -1
        with suppress(RedisError):
            failed_jobs = count_failed(self._system.valkey.url())
        self._system.fleet.stop(*WORKERS, *CLOCKS, patience_seconds=_DRAIN_SECONDS)
        evidence = gather(self._system, self._tables, self._hired)
        if self._system.fleet.restarts[SANDBOX]:
            raise NotStarted("the sandbox carrier ended by itself, and its ledger with it: nothing can be compared")
        return Report(
            evidence=evidence,
            findings=compare(evidence),
            caught=self._system.traps.taken(),
            done=self._mischief.done,
            restarts=self._system.fleet.restarts,
            answers=self._staff.answers,
            refused=[*self._staff.refused, *self._staff.unaccepted()],
            faults=self._mischief.faults,
            mail_faults=self._mischief.mail_faults,
            complaints=read_complaints(self.folder),
            kills=self._mischief.deaths,
            kills_planned=self.parameters.kills,
            requeued_jobs=self._mischief.requeued_jobs + self._requeued_last,
            failed_jobs=failed_jobs,
            settled=settled,
        )
