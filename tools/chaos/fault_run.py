"""One fault run, from an empty folder to the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import psycopg
from redis.exceptions import RedisError

from tools.chaos.await_idle import IdleLimits, IdleResult, await_idle
from tools.chaos.comparison.compare_ledgers import compare_ledgers
from tools.chaos.comparison.take_snapshot import take_snapshot
from tools.chaos.faults import carrier_episodes, mail_server_episodes
from tools.chaos.faults.fault_injector import FaultInjector
from tools.chaos.faults.fault_plan import make_fault_plan
from tools.chaos.faults.requeue_failed_jobs import count_failed_jobs, requeue_failed_jobs
from tools.chaos.log_exceptions import count_log_exceptions
from tools.chaos.parameters import Parameters
from tools.chaos.report import Report
from tools.chaos.system.consent_tables import ConsentTables
from tools.chaos.system.product_tables import ProductTables
from tools.chaos.system.supervised_processes import SupervisedProcesses
from tools.chaos.system.system import CLOCKS, SANDBOX, WORKERS, NotStarted, System
from tools.chaos.worker.armed_failpoints import ArmedFailpoints
from tools.chaos.workload.planned_paced_churches import count_paced_deliveries
from tools.chaos.workload.set_up import set_up_workload
from tools.sandbox.control import SandboxError
from tools.sandbox.mail.control import MailSandboxError

_LOOP_SECONDS = 0.05
_LATE_REQUESTS_SECONDS = 60.0
"""After the last fault, how long the clients may repeat requests that are not accepted yet."""
_DRAIN_SECONDS = 20.0


@dataclass(kw_only=True)
class FaultRun:
    """A run in `folder`. `print_line` receives a progress line every second."""

    parameters: Parameters
    folder: Path
    idle_limits: IdleLimits
    print_line: Callable[[str], None]

    def execute(self) -> Report:
        """Start the system, send and inject faults, wait until it is idle, and compare. Leaves no process behind.

        Raises NotStarted.
        """
        with SupervisedProcesses() as processes:
            failpoints = ArmedFailpoints(folder=self.folder / "failpoints")
            self._system = System(
                folder=self.folder, parameters=self.parameters, processes=processes, failpoints=failpoints
            )
            self.print_line(f"starting the system in {self.folder}")
            self._system.start()
            self._tables = ProductTables(self._system.superuser_url)
            ConsentTables(self._system.superuser_url).prepare()
            self._system.sandbox.set_faults(carrier_episodes.BASELINE)
            self._system.mail_sandbox.set_faults(*mail_server_episodes.BASELINE)
            self._workload = set_up_workload(self._system, self.parameters)
            self._clients, self._writers = self._workload.clients, self._workload.writers
            self._deliveries = self.parameters.deliveries + count_paced_deliveries(self.parameters)
            self._deliveries += sum(writer.answers for writer in self._writers.planned)
            self._injector = FaultInjector(
                system=self._system,
                tables=self._tables,
                schedule_ids={each.planned.message.number: each.schedule_id for each in self._workload.schedules},
                plan=make_fault_plan(self.parameters),
            )
            self._began = self._printed_at = time.monotonic()
            self._inject_faults()
            return self._report(self._finish())

    def _inject_faults(self) -> None:
        self._clients.start()
        self._writers.start()
        while (seconds := time.monotonic() - self._began) < self.parameters.fault_seconds:
            self._injector.inject_due(seconds)
            self._restart_and_print()
            time.sleep(_LOOP_SECONDS)
        self._injector.stop()

    def _finish(self) -> IdleResult:
        """Let the clients finish, requeue the failed jobs, and wait until the system is idle."""
        deadline = time.monotonic() + _LATE_REQUESTS_SECONDS
        while not self._is_input_done() and time.monotonic() < deadline:
            self._injector.inject_due(time.monotonic() - self._began)
            self._restart_and_print()
            time.sleep(_LOOP_SECONDS)
        self._clients.stop()
        self._writers.stop()
        self.print_line("no more faults: waiting until the system is idle")
        self._requeued_at_end = requeue_failed_jobs(self._system.valkey.url())
        return await_idle(self._system, self._tables, self.idle_limits, before_each_poll=self._disarm_restart_and_print)

    def _is_input_done(self) -> bool:
        return self._clients.is_done and self._writers.is_done and self._injector.is_done

    def _restart_and_print(self) -> None:
        self._system.processes.restart_exited()
        if time.monotonic() - self._printed_at >= 1.0:
            self._printed_at = time.monotonic()
            self.print_line(self._progress_line())

    def _disarm_restart_and_print(self) -> None:
        self._system.failpoints.disarm_all()  # a worker may have given one back
        self._restart_and_print()

    def _progress_line(self) -> str:
        texts = mails = finished = unknown = "-"
        with suppress(SandboxError, MailSandboxError, HTTPException, OSError):
            texts = f"{self._system.sandbox.summary().accepted:,}"
            mails = f"{self._system.mail_sandbox.summary().mails:,}"
        with suppress(psycopg.Error):
            progress = self._tables.progress()
            finished, unknown = f"{progress.finished_deliveries:,}", f"{progress.in_status('unknown'):,}"
        return (
            f"{time.monotonic() - self._began:6.1f} s  accepted {len(self._clients.accepted):,} messages of "
            f"{len(self._clients.requests):,}  texts {texts}  mails {mails}  "
            f"finished {finished} of {self._deliveries:,}  "
            f"unknown {unknown}  kills {self._injector.kills} of {self.parameters.kills}"
        )

    def _report(self, idle: IdleResult) -> Report:
        failed_jobs = -1
        with suppress(RedisError):
            failed_jobs = count_failed_jobs(self._system.valkey.url())
        self._system.processes.stop(*WORKERS, *CLOCKS, timeout_seconds=_DRAIN_SECONDS)
        snapshot = take_snapshot(self._system, self._tables, self._workload)
        if self._system.processes.restarts[SANDBOX]:
            raise NotStarted("the sandbox carrier exited by itself and lost its ledger: nothing can be compared")
        return Report(
            snapshot=snapshot,
            findings=compare_ledgers(snapshot),
            at_failpoints=self._system.failpoints.taken(),
            injected=self._injector.injected,
            restarts=self._system.processes.restarts,
            responses=self._clients.responses,
            refused=[*self._clients.refused, *self._clients.unaccepted(), *self._writers.unanswered()],
            carrier_faults=self._injector.carrier_faults,
            mail_server_faults=self._injector.mail_server_faults,
            log_exceptions=count_log_exceptions(self.folder),
            kills=self._injector.kills,
            kills_planned=self.parameters.kills,
            requeued_jobs=self._injector.requeued_jobs + self._requeued_at_end,
            failed_jobs=failed_jobs,
            idle=idle,
        )
