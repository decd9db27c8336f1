"""Starts the programs of a run, and stops them at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from types import TracebackType

from processes import child_process
from processes.child_process import Program
from tools.bench.process_table import read_process_table


class ProgramEnded(Exception):
    """A program exited that should be running; the message names its log."""


class Programs:
    """A context manager for the main thread. Programs that exit are not restarted, because the reading is invalid."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}

    def __enter__(self) -> Programs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    def start(self, program: Program) -> int:
        """Start the program and return its process id. No other may have its name."""
        assert program.name not in self._running, program.name  # noqa: S101
        process = child_process.start(program)
        self._running[program.name] = (program, process)
        return process.pid

    def pid(self, name: str) -> int:
        return self._running[name][1].pid

    def stop(self, *names: str) -> None:
        """Send the stop signals and wait. Kill programs that run longer than their `drain_seconds`."""
        stopping = [self._running.pop(name) for name in names if name in self._running]
        for program, process in stopping:
            with suppress(ProcessLookupError):
                os.kill(process.pid, program.stop_signal)
        began = time.monotonic()
        for program, process in stopping:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, began + program.drain_seconds - time.monotonic()))
            child_process.kill(process)

    def kill(self, *names: str) -> None:
        """Kill the programs and all their descendants."""
        table = read_process_table()
        for name in names:
            if name in self._running:
                _, process = self._running.pop(name)
                started = [pid for pid in table.tree(process.pid) if pid != process.pid]
                child_process.kill(process)
                for pid in started:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def check(self) -> None:
        """Raise ProgramEnded if a program has exited."""
        for program, process in self._running.values():
            if process.poll() is not None:
                end = child_process.describe_end(process.returncode)
                raise ProgramEnded(f"{program.name} ended ({end}): {_last_log_line(program)}")


def _last_log_line(program: Program) -> str:
    if program.output is None or not program.output.exists():
        return "it left no log"
    lines = [line for line in program.output.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'its log is empty'} ({program.output})"
