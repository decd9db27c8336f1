"""Runs the sandbox carrier on a port that the system chooses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from processes import child_process
from processes.child_process import Program
from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local.environment import ROOT

_READY = "sandbox carrier listening on "


@contextmanager
def running_sandbox(log: Path, *more: str) -> Generator[str]:
    """The base URL of a sandbox with a mail server, which is stopped at the end. `more`: command line options."""
    with sandbox_process(log, *more) as (url, _):
        yield url


@contextmanager
def sandbox_process(log: Path, *more: str) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """The same, with its process, which the test may stop."""
    command = (
        sys.executable,
        "-m",
        "tools.sandbox",
        "--port",
        "0",
        "--callback-backoff-ms",
        "50",
        "--mail-port",
        "0",
        *more,
    )
    process = child_process.start(Program(name="sandbox", command=command, folder=ROOT, output=log))
    report_output("the sandbox carrier", log)
    try:
        wait_until(
            lambda: _READY in log.read_text() or process.poll() is not None,
            timeout_seconds=60.0,
            condition="the sandbox carrier listens, or has ended",
        )
        text = log.read_text()
        assert process.poll() is None, text
        yield text.partition(_READY)[2].split()[0], process
    finally:
        child_process.kill(process)
