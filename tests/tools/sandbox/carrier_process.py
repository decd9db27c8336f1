"""Starts `python -m tools.sandbox` as anybody would, and ends it."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


def launch(*arguments: str) -> subprocess.Popen[str]:
    """A sandbox process with these arguments; its output can be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_address(process: subprocess.Popen[str]) -> str:
    """The base URL that the process prints once it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox carrier listening on http://"), process.communicate()
    return line.split()[-1]


@contextmanager
def running_carrier(*arguments: str) -> Generator[str]:
    """The base URL of a sandbox on a free port, which ends with the block and must end well."""
    process = launch("--port", "0", *arguments)
    try:
        yield await_address(process)
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=5)
    assert process.returncode == 0
    assert complaints == "", complaints
