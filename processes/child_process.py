"""Starts child processes that do not outlive their parent, even when the parent is killed with SIGKILL.

Linux can send a child a signal when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG). So children must
be started from a thread that runs as long as they do. macOS has no such signal: there, a child ends only when it is
stopped.
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
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Looked up at import: between the fork and the exec of a child, another thread may have held the loader's lock.
_prctl: Any = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Program:
    """One child process: what to run, and how to stop it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None
    """The child's whole environment; None for the parent's."""
    folder: Path | None = None
    output: Path | None = None
    """The file to which standard output and error are appended; None for the parent's."""
    kept_fds: tuple[int, ...] = ()
    """File descriptors that the child inherits, such as that of a lock."""
    stop_signal: signal.Signals = signal.SIGTERM
    drain_seconds: float = 60.0
    """How long it may take to exit after `stop_signal` before it is killed."""
    quick_exits_allowed: int | None = None
    """How many quick exits in a row its supervisor accepts before it gives up; None to restart it always."""


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, so that Ctrl-C in the terminal reaches only the parent.

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
            preexec_fn=_end_with_parent(program.stop_signal),
        )
    finally:
        if output:
            output.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and the rest of its group, and reap it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def describe_end(exit_status: int) -> str:
    """Return `exit status 1`, or `SIGKILL` for a child that a signal ended (subprocess negates its number)."""
    if exit_status >= 0:
        return f"exit status {exit_status}"
    try:
        return signal.Signals(-exit_status).name
    except ValueError:
        return f"signal {-exit_status}"


def die_with_parent(death_signal: signal.Signals) -> None:
    """Ask the kernel to send this process the signal when its parent ends. Does nothing on other systems than Linux."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)


def _end_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if _prctl is None:
        return None
    parent = os.getpid()

    def end_with_parent() -> None:
        die_with_parent(death_signal)
        if os.getppid() != parent:  # the parent ended before prctl: no signal will be sent
            os._exit(1)

    return end_with_parent
