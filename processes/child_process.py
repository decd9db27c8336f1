"""A child process that does not outlive its parent, even when the parent is killed with SIGKILL.

Linux sends the child a signal of our choice when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG):
so children are started from threads that last. macOS has nothing like it: there a child ends when it is told to.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Program:
    """One child process: what to run, and how it likes to be stopped."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None
    """All of the child's environment; None: the parent's own."""
    folder: Path | None = None
    output: Path | None = None
    """The file that standard output and error are appended to; None: the parent's own."""
    kept_fds: tuple[int, ...] = ()
    """File descriptors the child holds as well, a lock's for instance."""
    stop_signal: signal.Signals = signal.SIGTERM
    drain_seconds: float = 60.0
    """How long it may take to end after `stop_signal`, before it is killed."""
    quick_exits_allowed: int | None = None
    """Ends in quick succession after which its supervisor gives up; None: it never does."""


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own: Ctrl-C in the terminal reaches the parent alone.

    Raises OSError when the command cannot be started.
    """
    output = program.output.open("ab", buffering=0) if program.output else None
    try:
        return subprocess.Popen(
            program.command,
            env=program.environment,
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            pass_fds=program.kept_fds,
            start_new_session=True,
            preexec_fn=_tie_to_parent(program.stop_signal),
        )
    finally:
        if output:
            output.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and the rest of its group now, and reap it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def describe_end(exit_status: int) -> str:
    """`exit status 1`, or `SIGKILL` for a child that a signal ended (subprocess negates its number)."""
    if exit_status >= 0:
        return f"exit status {exit_status}"
    try:
        return signal.Signals(-exit_status).name
    except ValueError:
        return f"signal {-exit_status}"


def die_with_parent(death_signal: signal.Signals) -> None:
    """Have this process end by the signal when its parent does. Where the system cannot, nothing happens."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    parent = os.getpid()

    def tie() -> None:
        die_with_parent(death_signal)
        if os.getppid() != parent:  # it died before prctl: no signal will come
            os._exit(1)

    return tie
