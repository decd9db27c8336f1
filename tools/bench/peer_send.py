"""One reading of `send` for a peer: from the first enqueue to the carrier's last answer."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import child_process
from processes.child_process import Program
from tools.bench import cpu
from tools.bench.context import BenchContext
from tools.bench.machine import NotReady
from tools.bench.peers.environments import Installed
from tools.bench.peers.programs import peer_program
from tools.bench.peers.table import READY
from tools.bench.programs import ProgramEnded
from tools.bench.send_reading import WORKERS, SendReading

PROCESSES = 2
"""As many as for the product: the machine has two cores."""

_WARM_UP_FIRST = 5_000_000_000
"""The warm-up uses the numbers from here on, counted from the first number of the peers."""
_WARM_UP_SECONDS = 30.0
_POLL_SECONDS = 0.1
_PRODUCER = "producer"


@dataclass(frozen=True)
class _Producer:
    process: subprocess.Popen[bytes]
    output: Path

    def reports(self) -> dict[str, Any]:
        """Return what it has printed so far (see peers/table.py)."""
        reports: dict[str, Any] = {}
        for line in self.output.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                reports |= json.loads(line)
        return reports


@dataclass(frozen=True, kw_only=True)
class PeerSend:
    bench: BenchContext
    installed: Installed
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """More environment variables."""

    def read(self, size: int, number: int) -> SendReading:
        """Take a reading with an empty Redis and new workers. The reading contains any problem."""
        machine, name = self.bench.machine, self.installed.peer.name
        try:
            with self.running_workers(f"{name}-{size}-{number}") as workers:
                self._warm_up()
                machine.sandbox.reset()
                return self._measure(size, number, workers)
        except (NotReady, ProgramEnded) as error:
            return SendReading.absent(name, size=size, number=number, problem=str(error))

    @contextmanager
    def running_workers(self, label: str) -> Generator[list[str]]:
        """Start workers with an empty Redis, wait until they are ready, and yield their names. Raises NotReady."""
        machine = self.bench.machine
        workers = [f"{label}-{place}" for place in range(1, PROCESSES + 1)]
        with machine.open_redis() as redis:
            redis.flushall()
        machine.sandbox.reset()
        try:
            for place, worker in enumerate(workers, start=1):
                machine.programs.start(self._worker(worker, place))
            machine.wait_until(lambda: all(map(self._is_ready, workers)), what=f"{label}: its workers are ready")
            yield workers
        finally:
            machine.programs.kill(*workers)

    @contextmanager
    def producing(self, count: int) -> Generator[None]:
        """Enqueue so many jobs in a process of its own, which is killed at the end of the block."""
        producer = self._produce(count, first=0)
        try:
            yield
        finally:
            child_process.kill(producer.process)

    def _measure(self, size: int, number: int, workers: list[str]) -> SendReading:
        machine = self.bench.machine
        groups = {WORKERS: tuple(map(machine.programs.pid, workers)), **machine.pids()}
        del groups["postgres"]  # peers do not use it
        before = cpu.cpu_seconds(groups)
        producer = self._produce(size, first=0)
        try:
            accepted, cut = self._await_acceptance(size, producer)
            spent = cpu.spent(before, cpu.cpu_seconds(groups))
            reports = producer.reports()
            enqueued = "ended_at" in reports
            spent[_PRODUCER] = round(reports["cpu_seconds"], 2) if enqueued else self._cpu_of(producer)
        finally:
            child_process.kill(producer.process)
        began = float(reports["began_at"])
        return SendReading(
            candidate=self.installed.peer.name,
            size=size,
            round=number,
            sent=accepted,
            seconds=(time.time() if cut else self._last_answer_at(size)) - began,
            cut=cut,
            cpu_seconds=spent,
            concurrency=self._concurrency,
            enqueued_seconds=reports["ended_at"] - began if enqueued else None,
            problem=None if cut else self._problem(size),
        )

    def _await_acceptance(self, size: int, producer: _Producer) -> tuple[int, bool]:
        """Wait for all acceptances, or until the cap. Return their number, and whether the cap was reached."""
        sandbox, cap_seconds = self.bench.machine.sandbox, self.bench.options.cap_seconds
        began: float | None = None
        while True:
            accepted = sandbox.summary().accepted
            began = began or producer.reports().get("began_at")
            if accepted >= size:
                time.sleep(2 * self.bench.latency_ms / 1000)  # for the last answers
                return sandbox.summary().accepted, False
            if began is not None and time.time() - began >= cap_seconds:
                return sandbox.summary().accepted, True
            if began is None and producer.process.poll() is not None:
                raise NotReady(f"its producer ended before it began (log: {producer.output})")
            self.bench.machine.programs.check()
            time.sleep(_POLL_SECONDS)

    def _last_answer_at(self, size: int) -> float:
        last = next(self.bench.machine.sandbox.rows(after=size - 1))
        return last.created_at + self.bench.latency_ms / 1000

    def _problem(self, size: int) -> str | None:
        summary = self.bench.machine.sandbox.summary()
        if summary.accepted != size or summary.recipients_repeated:
            return f"{summary.accepted} at the carrier, {summary.recipients_repeated} recipients with several"
        return None

    def _warm_up(self) -> None:
        machine, jobs = self.bench.machine, self.installed.peer.warm_up_jobs
        producer = self._produce(jobs, first=_WARM_UP_FIRST)
        try:
            machine.wait_until(
                lambda: machine.sandbox.summary().accepted >= jobs,
                what=f"{self.installed.peer.name} has sent its first {jobs} jobs",
                seconds=_WARM_UP_SECONDS,
            )
        finally:
            child_process.kill(producer.process)
        time.sleep(2 * self.bench.latency_ms / 1000)

    @property
    def _concurrency(self) -> int:
        return self.bench.options.concurrency.get(self.installed.peer.name, self.installed.peer.concurrency)

    def _worker(self, name: str, place: int) -> Program:
        return self._program(name, *self.installed.peer.work_command(concurrency=self._concurrency, number=place))

    def _produce(self, count: int, *, first: int) -> _Producer:
        program = self._program("producer", *self.installed.peer.produce_command(count, first=first))
        assert program.output is not None  # noqa: S101
        program.output.write_bytes(b"")
        return _Producer(process=child_process.start(program), output=program.output)

    def _program(self, name: str, *arguments: str) -> Program:
        settings = {"CONCURRENCY": str(self._concurrency), **self.settings}
        return peer_program(self.bench.machine, self.installed, name, *arguments, settings=settings)

    def _is_ready(self, worker: str) -> bool:
        log = self.bench.machine.folder / f"{worker}.log"
        return READY in log.read_text(errors="replace")

    @staticmethod
    def _cpu_of(producer: _Producer) -> float:
        return round(cpu.cpu_seconds({_PRODUCER: (producer.process.pid,)})[_PRODUCER], 2)
