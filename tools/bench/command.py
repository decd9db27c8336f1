"""`bin/bench`: measures the product and its peers on this machine in one run.

Exit status: 0 for success; 1 if a part failed (its readings so far are kept); 130 if a signal ended it.
"""

from __future__ import annotations

import shlex
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
from redis.exceptions import RedisError

from tools.bench import api, fairness, growth, history, pace, receipts, report, results, send, sunday
from tools.bench.context import BenchContext
from tools.bench.machine import NotReady, running_machine
from tools.bench.options import Options, read_options
from tools.bench.programs import ProgramEnded
from tools.local.api_client import Refused, Unreachable
from tools.local.environment import ROOT, LocalError
from tools.local.terminal import Terminal
from tools.sandbox.control import SandboxError

RUNS = ROOT / "var" / "bench"

MEASURES: Mapping[str, Callable[[BenchContext], None]] = {
    "sunday": sunday.measure,
    "send": send.measure,
    "growth": growth.measure,
    "api": api.measure,
    "fairness": fairness.measure,
    "pace": pace.measure,
    "receipts": receipts.measure,
    "history": history.measure,
}
"""The parts, in the order of measurement."""

REPORT = "report"

_FAILURES = (
    NotReady,
    ProgramEnded,
    LocalError,
    Refused,
    Unreachable,
    SandboxError,
    psycopg.Error,
    RedisError,
    OSError,
)


class Interrupted(KeyboardInterrupt):
    """A signal ended the run. A KeyboardInterrupt, because event loops swallow other exceptions of signal handlers."""


def main(arguments: list[str]) -> int:
    options = read_options(arguments, parts=(*MEASURES, REPORT), description=(__doc__ or "").partition("\n")[0])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _interrupt)
    parts = options.parts or tuple(MEASURES)
    command = shlex.join(("bin/bench", *arguments))
    terminal = Terminal()
    try:
        failed = [part for part in parts if part != REPORT and not _Part(part, options, terminal).measure(command)]
    except Interrupted as interrupt:
        terminal.finish_progress(f"bench: ended by {interrupt}")
        return 130
    if REPORT in parts:
        for file in report.write(options.results):
            terminal.print_line(f"bench: wrote {file.relative_to(ROOT)}")
    return 1 if failed else 0


@dataclass(frozen=True)
class _Part:
    """One part of bin/bench, with its own servers."""

    name: str
    options: Options
    terminal: Terminal

    def measure(self, command: str) -> bool:
        """Measure the part. Return whether it was measured completely."""
        folder = _make_folder(self.name)
        succeeded = False
        try:
            with running_machine(folder) as machine:
                run = results.begin_run(machine, command=command, parameters=_parameters(self.options))
                file = results.ResultFile(self.options.results, self.name, run, add=self.options.add)
                MEASURES[self.name](
                    BenchContext(machine=machine, options=self.options, terminal=self.terminal, record=file.add)
                )
            succeeded = True
        except _FAILURES as error:
            self.terminal.finish_progress(f"bench: {self.name}: {type(error).__name__}: {error}")
        finally:
            if succeeded and not self.options.keep:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self.terminal.print_line(f"bench: logs are in {folder}")
        for line in report.table(self.name, self.options.results):
            self.terminal.print_line(line)
        return succeeded


def _make_folder(part: str) -> Path:
    number = 1
    while True:
        folder = RUNS / f"{part}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def _parameters(options: Options) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in {"parts", "results", "add", "keep"} and value not in (None, {})
    }


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)  # the orderly exit has begun
    raise Interrupted(signal.Signals(number).name)
