"""`bin/bench`: the product beside its peers, on this machine, in one run.

Exit status: 0 measured; 1 a part could not be measured to its end (what was read is kept); 130 ended from outside.
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

from tools.bench import api, fairness, growth, pace, receipts, report, results, send, sunday
from tools.bench.bench import Bench
from tools.bench.machine import NotReady, running_machine
from tools.bench.options import Options, read_options
from tools.bench.programs import ProgramEnded
from tools.local.api_client import Refused, Unreachable
from tools.local.environment import ROOT, LocalError
from tools.local.terminal import Terminal
from tools.sandbox.control import SandboxError

RUNS = ROOT / "var" / "bench"

MEASURES: Mapping[str, Callable[[Bench], None]] = {
    "sunday": sunday.measure,
    "send": send.measure,
    "growth": growth.measure,
    "api": api.measure,
    "fairness": fairness.measure,
    "pace": pace.measure,
    "receipts": receipts.measure,
}
"""The parts, in the order in which they are measured."""

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


class Ended(KeyboardInterrupt):
    """From outside. Of this kind, for event loops swallow any other that a signal handler raises."""


def main(arguments: list[str]) -> int:
    options = read_options(arguments, parts=(*MEASURES, REPORT), description=(__doc__ or "").partition("\n")[0])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    parts = options.parts or tuple(MEASURES)
    command = shlex.join(("bin/bench", *arguments))
    terminal = Terminal()
    try:
        failed = [part for part in parts if part != REPORT and not _Part(part, options, terminal).measure(command)]
    except Ended as end:
        terminal.settle(f"bench: ended by {end}")
        return 130
    if REPORT in parts:
        for file in report.write(options.results):
            terminal.say(f"bench: wrote {file.relative_to(ROOT)}")
    return 1 if failed else 0


@dataclass(frozen=True)
class _Part:
    """One part, on servers of its own."""

    name: str
    options: Options
    terminal: Terminal

    def measure(self, command: str) -> bool:
        """Whether it came to its end."""
        folder = _make_folder(self.name)
        succeeded = False
        try:
            with running_machine(folder) as machine:
                run = results.begin_run(machine, command=command, parameters=_told(self.options))
                file = results.ResultFile(self.options.results, self.name, run, add=self.options.add)
                MEASURES[self.name](
                    Bench(machine=machine, options=self.options, terminal=self.terminal, record=file.add)
                )
            succeeded = True
        except _FAILURES as error:
            self.terminal.settle(f"bench: {self.name}: {type(error).__name__}: {error}")
        finally:
            if succeeded and not self.options.keep:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                self.terminal.say(f"bench: logs are in {folder}")
        for line in report.table(self.name, self.options.results):
            self.terminal.say(line)
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


def _told(options: Options) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in {"parts", "results", "add", "keep"} and value not in (None, {})
    }


def _end(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)  # leaving in order is already under way
    raise Ended(signal.Signals(number).name)
