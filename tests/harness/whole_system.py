"""Runs `bin/run` in its own folder and on its own port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.process_output import report_output
from tests.harness.waiting import wait_until
from tools.local.environment import ROOT

UP = "Ctrl-C stops everything."
"""The last line of the banner."""


def environment_of(var_dir: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return {**kept, "VAR_DIR": str(var_dir), "PORT": str(port), "WEB_CONCURRENCY": "1", **more}


class RunningSystem:
    """A bin/run that has started everything, and its output."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def await_line(self, text: str) -> None:
        wait_until(
            lambda: text in self.output.read_text() or self.process.poll() is not None,
            timeout_seconds=150,
            condition=f"bin/run prints {text!r}, or has ended",
        )
        assert text in self.output.read_text(), self.output.read_text()


@contextmanager
def running_system(environment: dict[str, str], output: Path) -> Generator[RunningSystem]:
    with output.open("wb") as writing:
        command = (sys.executable, "-m", "tools.local.run")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.STDOUT)
    report_output("bin/run", output)
    system = RunningSystem(process, output)
    try:
        system.await_line(UP)
        yield system
    finally:
        process.kill()
        process.wait()
