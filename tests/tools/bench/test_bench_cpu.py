"""CPU time is that of a whole tree of processes."""

from __future__ import annotations

import os
import subprocess
import sys

from tools.bench.cpu import cpu_seconds, spent

BUSY = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"


def test_what_ended_children_used_counts_for_their_parent() -> None:
    us = {"us": (os.getpid(),)}
    before = cpu_seconds(us)

    subprocess.run((sys.executable, "-c", BUSY), check=True)

    assert spent(before, cpu_seconds(us))["us"] >= 0.2


def test_living_children_count_too() -> None:
    # The shell in the brackets lives on, below the first one, after the busy program that it has waited for.
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


def test_a_process_that_is_gone_uses_nothing() -> None:
    process = subprocess.Popen((sys.executable, "-c", ""))
    process.wait()

    assert cpu_seconds({"gone": (process.pid,), "nobody": ()}) == {"gone": 0, "nobody": 0}
