"""Keeps child processes alive, and stops them in order.

A child that ends is started again after a pause that doubles while it keeps ending. SIGTERM, SIGINT and SIGHUP
to the supervisor ask for a stop; each further one is handed on to the children that are still draining.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

import logs
from messaging.backoff import backoff_seconds
from processes import child_process
from processes.child_process import Program

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logs.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """The pause before a child is started again: `first_seconds`, doubling up to `longest_seconds`."""

    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    healthy_seconds: float = 30.0
    """A child that lived this long starts from the first pause again."""

    def pause_seconds(self, deaths: int) -> float:
        """The pause after the `deaths`-th end in quick succession (1 is the first)."""
        return backoff_seconds(deaths, base_seconds=self.first_seconds, limit_seconds=self.longest_seconds)


class ProgramKeepsEnding(Exception):
    """A program ended more often in quick succession than it is allowed to."""

    def __init__(self, program: Program, exit_status: int) -> None:
        super().__init__(f"{program.name} keeps ending ({child_process.describe_end(exit_status)})")
        self.program = program
        self.exit_status = exit_status


@dataclass(kw_only=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    deaths: int = 0


class Supervisor:
    """A context manager, for the main thread: inside it signals are caught, and on leaving it no child is left."""

    def __init__(self, *, backoff: Backoff | None = None, on_tick: Callable[[], None] | None = None) -> None:
        self._backoff = backoff or Backoff()
        self.on_tick = on_tick or (lambda: None)
        """Called at the end of every tick, and often while programs are being stopped."""
        self._children: dict[str, _Child] = {}
        self._stop_requests = 0
        self._handlers_before: dict[signal.Signals, Any] = {}
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Supervisor:
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        for name in STOP_SIGNALS:
            self._handlers_before[name] = signal.signal(name, self._ask_to_stop)
        # Nothing to do but wake `tick`, which reaps.
        self._handlers_before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _ignore)
        self._wakeup_before = signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children.values():
            if child.process:
                child_process.kill(child.process)
        signal.set_wakeup_fd(self._wakeup_before)
        for name, handler in self._handlers_before.items():
            signal.signal(name, handler)
        self._selector.close()
        os.close(self._wake_reader)
        os.close(self._wake_writer)

    @property
    def stop_requested(self) -> bool:
        return self._stop_requests > 0

    def pids(self) -> dict[str, int]:
        """The process id of each child that is running now, by program name."""
        return {name: child.process.pid for name, child in self._children.items() if child.process}

    def start(self, program: Program) -> None:
        """Start the program, and again whenever it ends, until it is stopped."""
        child = self._children[program.name] = _Child(program=program)
        self._launch(child)

    def run_once(self, program: Program) -> int | None:
        """Run the program to its end: its exit status, or None when a stop was asked for and ended it."""
        process = child_process.start(program)
        try:
            while process.poll() is None:
                if self.stop_requested:
                    return None
                self.tick(1.0)
            return process.returncode
        finally:
            child_process.kill(process)

    def tick(self, longest_seconds: float) -> None:
        """Wait for a signal, a child's end or its turn to start, `longest_seconds` at the most; do what is due.

        Raises ProgramKeepsEnding.
        """
        now = time.monotonic()
        due = [child.start_again_at - now for child in self._children.values() if not child.process]
        self._wait(max(0.0, min([longest_seconds, *due])))
        for child in self._children.values():
            if child.process and child.process.poll() is not None:
                self._on_exit(child, child.process.returncode)
            if not child.process and time.monotonic() >= child.start_again_at:
                self._launch(child)
        self.on_tick()

    def run(self) -> None:
        """Keep the children alive until a stop is asked for."""
        while not self.stop_requested:
            self.tick(60.0)

    def stop(self, *names: str) -> None:
        """Ask these programs to end, all at once, and wait; what outlives its `drain_seconds` is killed."""
        stopping = [child for name in names if (child := self._children.pop(name, None)) and child.process]
        asked, began = -1, time.monotonic()
        while stopping:
            if asked != self._stop_requests:  # at first, and at each further signal to us
                asked = self._stop_requests
                for child in stopping:
                    _signal(child)
            self._wait(0.2)
            self.on_tick()
            stopping = [child for child in stopping if not self._has_ended(child, time.monotonic() - began)]

    def _has_ended(self, child: _Child, waited_seconds: float) -> bool:
        assert child.process is not None  # noqa: S101
        if child.process.poll() is None and waited_seconds < child.program.drain_seconds:
            return False
        if child.process.returncode is None:
            _log.warning("does not end, killing it", program=child.program.name)
        child_process.kill(child.process)
        return True

    def _launch(self, child: _Child) -> None:
        child.process = child_process.start(child.program)
        child.started_at = time.monotonic()

    def _on_exit(self, child: _Child, exit_status: int) -> None:
        now = time.monotonic()
        child.process = None
        child.deaths = 1 if now - child.started_at >= self._backoff.healthy_seconds else child.deaths + 1
        allowed = child.program.quick_exits_allowed
        if allowed is not None and child.deaths > allowed:
            raise ProgramKeepsEnding(child.program, exit_status)
        pause = self._backoff.pause_seconds(child.deaths)
        child.start_again_at = now + pause
        how = child_process.describe_end(exit_status)
        _log.warning("ended, starting it again", program=child.program.name, how=how, pause_seconds=pause)

    def _wait(self, seconds: float) -> None:
        if self._selector.select(seconds):
            os.read(self._wake_reader, 4096)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A handler, since without one no byte is written to the wakeup descriptor."""


def _signal(child: _Child) -> None:
    if child.process and child.process.poll() is None:
        child.process.send_signal(child.program.stop_signal)
