"""Short runs of the whole system under mischief, and without the parts that keep it safe."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tools.chaos.posts import SHARES

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="orphans are followed by what only Linux has"),
]


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A whole run; what it leaves on disk to be looked at is shown by a failing test anyway."""
    command = (sys.executable, "-m", "tools.chaos", *arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=230)
    shutil.rmtree(done.stdout.split("\n", 1)[0].split()[-1], ignore_errors=True)
    return done


def number(output: str, name: str) -> int:
    """What the report says of `name`."""
    found = re.search(rf"^ +{re.escape(name)} +(-?[\d,]+)$", output, re.MULTILINE)
    assert found, f"no {name!r} in:\n{output}"
    return int(found[1].replace(",", ""))


def test_nothing_is_lost_and_nothing_doubled() -> None:
    done = chaos(
        *("--seed", "1", "--deliveries", "1500", "--minutes", "0.5", "--kills", "10", "--redis-restarts", "1"),
        *("--redis-stalls", "1", "--postgres-stalls", "1"),
        *("--flushes", "1", "--postgres-restarts", "1", "--episodes", "8", "--mail-episodes", "6", "--requeues", "2"),
        *("--schedules", "8", "--set-backs", "2"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert number(done.stdout, "deliveries") == 1500
    assert number(done.stdout, "kills") == 10
    assert number(done.stdout, "lost") == number(done.stdout, "doubled") == 0
    assert number(done.stdout, "mails repeated too often") == 0
    for channel in SHARES:
        assert number(done.stdout, f"{channel}: deliveries") > 50
    assert number(done.stdout, "restart Redis: empty") == number(done.stdout, "restart PostgreSQL") == 1
    assert number(done.stdout, "Redis stands still") == number(done.stdout, "PostgreSQL stands still") == 1
    assert number(done.stdout, "schedules") == number(done.stdout, "runs sent") + number(done.stdout, "runs skipped")
    assert number(done.stdout, "runs sent") > 0
    # Each death that leaves something behind was really died.
    for point in ("claimed, not submitted", "accepted, nothing recorded", "accepted, half recorded"):
        assert number(done.stdout, f"died: {point}") >= 1


def test_resending_what_may_have_been_sent_is_found_out() -> None:
    done = chaos(
        *("--seed", "2", "--deliveries", "500", "--minutes", "0.15", "--kills", "6", "--redis-restarts", "0"),
        *("--flushes", "0", "--postgres-restarts", "0", "--episodes", "3", "--mail-episodes", "0", "--requeues", "0"),
        *("--redis-stalls", "0", "--postgres-stalls", "0"),
        *("--ablate", "reconcile", "--still-seconds", "8", "--settle-seconds", "40"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert number(done.stdout, "doubled") > 0


def test_leaving_lost_work_lying_is_found_out() -> None:
    done = chaos(
        *("--seed", "3", "--deliveries", "500", "--minutes", "0.15", "--kills", "6", "--redis-restarts", "1"),
        *("--flushes", "1", "--postgres-restarts", "0", "--episodes", "0", "--mail-episodes", "0", "--requeues", "0"),
        *("--redis-stalls", "0", "--postgres-stalls", "0"),
        *("--ablate", "sweep", "--still-seconds", "5", "--settle-seconds", "20"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert number(done.stdout, "lost") > 0


def test_ctrl_c_leaves_no_process_behind() -> None:
    process = subprocess.Popen(
        (sys.executable, "-m", "tools.chaos", "--deliveries", "2000"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = process.stdout.readline().split()[-1]
    assert folder.startswith(tempfile.gettempdir())
    while " s  accepted" not in process.stdout.readline():
        assert process.poll() is None
    assert len(processes_of(folder)) > 15
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert process.wait(timeout=30) == 2
    assert time.monotonic() - began < 20
    assert processes_of(folder) == []
    shutil.rmtree(folder)


def processes_of(folder: str) -> list[str]:
    """All that runs for a run is told its folder, or works in it."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            works_in = str((entry / "cwd").readlink())
        except OSError:
            continue
        if folder.encode() in told or works_in.startswith(folder):
            found.append(told.replace(b"\0", b" ").decode(errors="replace"))
    return found
