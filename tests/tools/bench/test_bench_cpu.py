"""CPU time includes descendants."""

from __future__ import annotations

import os
import subprocess
import sys

from tools.bench.cpu import cpu_seconds, spent

BUSY = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"


def test_cpu_time_of_reaped_children_counts_for_their_parent() -> None:
    us = {"us": (os.getpid(),)}
    before = cpu_seconds(us)

    subprocess.run((sys.executable, "-c", BUSY), check=True)

    assert spent(before, cpu_seconds(us))["us"] >= 0.2


def test_cpu_time_of_running_descendants_counts() -> None:
    # The inner shell reaps the busy program and keeps running as a child of the outer shell.
    script = '("$0" -c "$1"; echo done; read line); exit 0'
    with subprocess.Popen(
        ("/bin/sh", "-c", script, sys.executable, BUSY),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        assert cpu_seconds({"it": (process.pid,)})["it"] >= 0.2
        process.communicate(b"\n")


def test_an_exited_process_has_no_cpu_time() -> None:
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()

    assert cpu_seconds({"gone": (process.pid,), "nobody": ()}) == {"gone": 0, "nobody": 0}
