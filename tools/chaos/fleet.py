"""Every process of a run: kept alive as a service manager would, killed at will, and gone when the run ends."""

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
from tools.chaos import process_table

RESTART_SECONDS = 0.3
"""What ended is started again after this, unless it was killed for longer."""
_REAP_SECONDS = 1.0


@dataclass(kw_only=True)
class _Member:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0
    stopped: list[int] = field(default_factory=list[int])
    """The processes that stand still, the program's own and its descendants."""


class Fleet:
    """A context manager for the main thread: on leaving it no process is left, nor any that those had started."""

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}
        self._reap_at = 0.0
        self.restarts: Counter[str] = Counter()
        """How often each program was started again."""

    def __enter__(self) -> Fleet:
        process_table.adopt_orphans()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_all_go_on()
        for member in self._members.values():
            if member.process:
                child_process.kill(member.process)
        process_table.end_children()

    def start(self, program: Program) -> None:
        """Start the program, and again whenever it ends."""
        self._members[program.name] = _Member(program=program, process=child_process.start(program))

    def pid(self, name: str) -> int | None:
        """The process id of the program; None while it is down."""
        process = self._members[name].process
        return process.pid if process and process.poll() is None else None

    def children(self, name: str) -> list[int]:
        """The processes that the program has started."""
        pid = self.pid(name)
        return [] if pid is None else process_table.children(pid)

    def kill(
        self,
        name: str,
        *,
        whole: bool = False,
        down_seconds: float = RESTART_SECONDS,
        then: Callable[[], None] | None = None,
    ) -> bool:
        """SIGKILL the program, and if `whole` the rest of its process group; `then` is done while it is down.

        False if it was down already.
        """
        member = self._members[name]
        if self.pid(name) is None or member.process is None:
            return False
        if whole:
            child_process.kill(member.process)
        member.process.kill()
        _let_go_on(member)  # what it started must see that it is gone
        member.process.wait()
        if then:
            then()
        self._bury(member, down_seconds)
        return True

    def stall(self, name: str, *, seconds: float) -> bool:
        """Have the program and all that it has started stand still for a while (SIGSTOP).

        False if it is down, or stands still already.
        """
        member, pid = self._members[name], self.pid(name)
        if pid is None or member.stopped:
            return False
        new = [pid]  # the parent first: then it starts no more
        while new:
            for each in new:
                _signal(each, signal.SIGSTOP)
            member.stopped += new
            new = [each for each in process_table.descendants(pid) if each not in member.stopped]
        # Not in tick(): whoever calls that may itself be waiting for the server.
        timer = threading.Timer(seconds, _let_go_on, (member,))
        timer.daemon = True
        timer.start()
        return True

    def let_all_go_on(self) -> None:
        """Nobody stands still any more."""
        for member in self._members.values():
            _let_go_on(member)

    def tick(self) -> None:
        """Notice who ended, and start who is due."""
        for member in self._members.values():
            if member.process and member.process.poll() is not None:
                self._bury(member, RESTART_SECONDS)
            if member.process is None and time.monotonic() >= member.start_at:
                member.process = child_process.start(member.program)
                self.restarts[member.program.name] += 1
        if time.monotonic() >= self._reap_at:
            self._reap_at = time.monotonic() + _REAP_SECONDS
            process_table.reap_orphans({member.process.pid for member in self._members.values() if member.process})

    def stop(self, *names: str, patience_seconds: float) -> None:
        """Ask the programs to end, all at once, and kill what has not after that time. They are not started again."""
        stopping = [member.process for name in names if (member := self._members.pop(name, None)) and member.process]
        for process in stopping:
            _signal(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + patience_seconds
        for process in stopping:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            child_process.kill(process)

    @staticmethod
    def _bury(member: _Member, down_seconds: float) -> None:
        member.process = None
        member.start_at = time.monotonic() + down_seconds


def _let_go_on(member: _Member) -> None:
    stopped, member.stopped = member.stopped, []
    for pid in stopped:
        _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
