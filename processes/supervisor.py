"""Restarts child processes that exit, and stops them in order.

A child that exits is started again after a pause, which doubles while it keeps exiting. SIGTERM, SIGINT and SIGHUP
request a stop; each further one is passed on to the children that are still draining.
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
    """After a child ran this long, the next pause is the first one again."""

    def pause_seconds(self, exits: int) -> float:
        """Return the pause after the `exits`-th quick exit in a row (1 is the first)."""
        return backoff_seconds(exits, base_seconds=self.first_seconds, limit_seconds=self.longest_seconds)


class ProgramKeepsExiting(Exception):
    """A program exited more often in a row than `quick_exits_allowed`."""

    def __init__(self, program: Program, exit_status: int) -> None:
        super().__init__(f"{program.name} keeps exiting ({child_process.describe_end(exit_status)})")
        self.program = program
        self.exit_status = exit_status


@dataclass(kw_only=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    quick_exits: int = 0


class Supervisor:
    """A context manager for the main thread. It handles signals inside the block, and kills all children at its end."""

    def __init__(self, *, backoff: Backoff | None = None, on_tick: Callable[[], None] | None = None) -> None:
        self._backoff = backoff or Backoff()
        self.on_tick = on_tick or (lambda: None)
        """Called at the end of every tick, and repeatedly while programs are being stopped."""
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
            self._handlers_before[name] = signal.signal(name, self._request_stop)
        # SIGCHLD only wakes `tick`, which reaps the child.
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
        """Return the process id of each running child, by program name."""
        return {name: child.process.pid for name, child in self._children.items() if child.process}

    def start(self, program: Program) -> None:
        """Start the program, and restart it whenever it exits, until it is stopped."""
        child = self._children[program.name] = _Child(program=program)
        self._start(child)

    def run_once(self, program: Program) -> int | None:
        """Run the program to its end and return its exit status, or None when a stop request ended it."""
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
        """Wait for a signal, a child's exit or the time to restart one, `longest_seconds` at most; then handle it.

        Raises ProgramKeepsExiting.
        """
        now = time.monotonic()
        due = [child.start_again_at - now for child in self._children.values() if not child.process]
        self._wait(max(0.0, min([longest_seconds, *due])))
        for child in self._children.values():
            if child.process and child.process.poll() is not None:
                self._on_exit(child, child.process.returncode)
            if not child.process and time.monotonic() >= child.start_again_at:
                self._start(child)
        self.on_tick()

    def run(self) -> None:
        """Keep the children running until a stop is requested."""
        while not self.stop_requested:
            self.tick(60.0)

    def stop(self, *names: str) -> None:
        """Send all these programs their stop signals, and wait. Kill those that run longer than `drain_seconds`."""
        stopping = [child for name in names if (child := self._children.pop(name, None)) and child.process]
        handled, began = -1, time.monotonic()
        while stopping:
            if handled != self._stop_requests:  # at first, and at each further signal to this process
                handled = self._stop_requests
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
            _log.warning("does not exit, killing it", program=child.program.name)
        child_process.kill(child.process)
        return True

    def _start(self, child: _Child) -> None:
        child.process = child_process.start(child.program)
        child.started_at = time.monotonic()

    def _on_exit(self, child: _Child, exit_status: int) -> None:
        now = time.monotonic()
        child.process = None
        child.quick_exits = 1 if now - child.started_at >= self._backoff.healthy_seconds else child.quick_exits + 1
        allowed = child.program.quick_exits_allowed
        if allowed is not None and child.quick_exits > allowed:
            raise ProgramKeepsExiting(child.program, exit_status)
        pause = self._backoff.pause_seconds(child.quick_exits)
        child.start_again_at = now + pause
        how = child_process.describe_end(exit_status)
        _log.warning("exited, starting it again", program=child.program.name, how=how, pause_seconds=pause)

    def _wait(self, seconds: float) -> None:
        if self._selector.select(seconds):
            os.read(self._wake_reader, 4096)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Without a handler no byte would be written to the wakeup descriptor."""


def _signal(child: _Child) -> None:
    if child.process and child.process.poll() is None:
        child.process.send_signal(child.program.stop_signal)
