"""Starts and stops `python -m tools.sandbox`."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from processes.child_process import die_with_parent

ROOT = Path(__file__).parents[3]


def launch(*arguments: str) -> subprocess.Popen[str]:
    """Start a sandbox process with these arguments; its output can be read. It ends with the test process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: die_with_parent(signal.SIGKILL),
    )


def await_address(process: subprocess.Popen[str]) -> str:
    """Return the base URL that the process prints when it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox carrier listening on http://"), process.communicate()
    return line.split()[-1]


@contextmanager
def running_carrier(*arguments: str) -> Generator[str]:
    """The base URL of a sandbox on a free port. It is stopped at the end and must exit cleanly."""
    process = launch("--port", "0", *arguments)
    try:
        yield await_address(process)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == "", errors
