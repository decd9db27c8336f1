"""Worker and clock processes of the product, started with the commands of the Procfile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from processes import child_process
from processes.child_process import Program
from tests.harness.process_output import report_output
from tools.local.environment import ROOT

WORKER = ("worker.py",)
CLOCK = ("-m", "jobs.clock")


@contextmanager
def running(*arguments: str, environment: Mapping[str, str], output: Path) -> Generator[subprocess.Popen[bytes]]:
    """Python with these arguments, killed with its children at the end of the block. It appends its log to `output`."""
    program = Program(
        name=" ".join(arguments),
        command=(sys.executable, *arguments),
        environment=environment,
        folder=ROOT,
        output=output,
    )
    process = child_process.start(program)
    report_output(program.name, output)
    try:
        yield process
    finally:
        child_process.kill(process)
