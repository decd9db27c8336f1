"""Every process of a run: restarted when it exits, as by a service manager, killed on request, ended with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from processes import child_process
from processes.child_process import Program
from tools.chaos.system import process_table

RESTART_SECONDS = 0.3
"""A program is restarted this long after it exited, unless it was killed with a longer `down_seconds`."""
_REAP_SECONDS = 1.0


@dataclass(kw_only=True)
class _Supervised:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    restart_at: float = 0.0
    stopped_pids: list[int] = field(default_factory=list[int])
    """The program's process and its descendants, while they are stopped with SIGSTOP."""


class SupervisedProcesses:
    """A context manager for the main thread. On exit it kills all processes and everything that they had started."""

    def __init__(self) -> None:
        self._supervised: dict[str, _Supervised] = {}
        self._reap_at = 0.0
        self.restarts: Counter[str] = Counter()
        """How often each program was restarted."""

    def __enter__(self) -> SupervisedProcesses:
        process_table.adopt_orphans()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume_all()
        for supervised in self._supervised.values():
            if supervised.process:
                child_process.kill(supervised.process)
        process_table.kill_children()

    def start(self, program: Program) -> None:
        """Start the program, and restart it whenever it exits."""
        self._supervised[program.name] = _Supervised(program=program, process=child_process.start(program))

    def pid(self, name: str) -> int | None:
        """The process id of the program; None while it is down."""
        process = self._supervised[name].process
        return process.pid if process and process.poll() is None else None

    def children(self, name: str) -> list[int]:
        """The process ids of the program's own children."""
        pid = self.pid(name)
        return [] if pid is None else process_table.children(pid)

    def kill(
        self,
        name: str,
        *,
        whole_group: bool = False,
        down_seconds: float = RESTART_SECONDS,
        while_down: Callable[[], None] | None = None,
    ) -> bool:
        """SIGKILL the program, and with `whole_group` the rest of its process group.

        Calls `while_down` while it is down. Returns False if it was down already.
        """
        supervised = self._supervised[name]
        if self.pid(name) is None or supervised.process is None:
            return False
        if whole_group:
            child_process.kill(supervised.process)
        supervised.process.kill()
        _resume(supervised)  # its stopped children must run to notice that it is gone
        supervised.process.wait()
        if while_down:
            while_down()
        self._schedule_restart(supervised, down_seconds)
        return True

    def stall(self, name: str, *, seconds: float) -> bool:
        """Stop the program and its descendants with SIGSTOP for this long.

        Returns False if it is down or stopped already.
        """
        supervised, pid = self._supervised[name], self.pid(name)
        if pid is None or supervised.stopped_pids:
            return False
        new = [pid]  # the parent first: once stopped, it starts no more children
        while new:
            for each in new:
                _signal(each, signal.SIGSTOP)
            supervised.stopped_pids += new
            new = [each for each in process_table.descendants(pid) if each not in supervised.stopped_pids]
        # A timer, because the thread that calls restart_exited() may be waiting for the stopped server itself.
        timer = threading.Timer(seconds, _resume, (supervised,))
        timer.daemon = True
        timer.start()
        return True

    def resume_all(self) -> None:
        """Resume every stopped process."""
        for supervised in self._supervised.values():
            _resume(supervised)

    def restart_exited(self) -> None:
        """Restart the programs that have exited and whose pause is over. Call it often."""
        for supervised in self._supervised.values():
            if supervised.process and supervised.process.poll() is not None:
                self._schedule_restart(supervised, RESTART_SECONDS)
            if supervised.process is None and time.monotonic() >= supervised.restart_at:
                supervised.process = child_process.start(supervised.program)
                self.restarts[supervised.program.name] += 1
        if time.monotonic() >= self._reap_at:
            self._reap_at = time.monotonic() + _REAP_SECONDS
            process_table.reap_orphans({each.process.pid for each in self._supervised.values() if each.process})

    def stop(self, *names: str, timeout_seconds: float) -> None:
        """SIGTERM the programs, all at once, and kill those still running after that time. They are not restarted."""
        stopping = [each.process for name in names if (each := self._supervised.pop(name, None)) and each.process]
        for process in stopping:
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout_seconds
        for process in stopping:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            child_process.kill(process)

    @staticmethod
    def _schedule_restart(supervised: _Supervised, down_seconds: float) -> None:
        supervised.process = None
        supervised.restart_at = time.monotonic() + down_seconds


def _resume(supervised: _Supervised) -> None:
    pids, supervised.stopped_pids = supervised.stopped_pids, []
    for pid in pids:
        _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
