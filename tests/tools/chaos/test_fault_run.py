"""Short fault runs of the whole system, with and without the parts that keep it safe."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools.chaos.parameters import CHANNEL_SHARES

ROOT = Path(__file__).parents[3]
NO_FAULTS = tuple(
    word
    for name in (
        *("kills", "redis-restarts", "flushes", "postgres-restarts", "redis-stalls", "postgres-stalls"),
        *("episodes", "mail-episodes", "requeues", "schedules", "set-backs"),
    )
    for word in (f"--{name}", "0")
)
"""Later options override these."""

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="the processes of a run are read from /proc"),
]


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A whole run. Deletes the logs that a failed run keeps: the output shows what failed."""
    command = (sys.executable, "-m", "tools.chaos", *arguments)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=230)
    shutil.rmtree(done.stdout.split("\n", 1)[0].split()[-1], ignore_errors=True)
    return done


def number(output: str, name: str) -> int:
    """The number after `name` in the report."""
    found = re.search(rf"^ +{re.escape(name)} +(-?[\d,]+)$", output, re.MULTILINE)
    assert found, f"no {name!r} in:\n{output}"
    return int(found[1].replace(",", ""))


def test_killed_workers_lose_and_double_nothing() -> None:
    done = chaos(
        *("--seed", "1", "--churches", "1", "--deliveries", "200", "--paced-churches", "6", "--minutes", "0.1"),
        *(*NO_FAULTS, "--kills", "5", "--opt-outs", "12"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert number(done.stdout, "deliveries") == 200 + number(done.stdout, "of paced churches")
    assert number(done.stdout, "churches") == 6
    assert number(done.stdout, "kills") >= 1
    assert number(done.stdout, "people") == 12
    assert number(done.stdout, "answers to people") > 0
    assert number(done.stdout, "lost") == number(done.stdout, "doubled") == 0
    assert number(done.stdout, "written to after STOP") == number(done.stdout, "faster than its pace") == 0


@pytest.mark.extended
def test_all_kinds_of_fault_lose_and_double_nothing() -> None:
    done = chaos(
        *("--seed", "1", "--deliveries", "1500", "--minutes", "0.5", "--kills", "14", "--redis-restarts", "1"),
        *("--redis-stalls", "1", "--postgres-stalls", "1"),
        *("--flushes", "1", "--postgres-restarts", "1", "--episodes", "8", "--mail-episodes", "6", "--requeues", "2"),
        *("--schedules", "8", "--set-backs", "2"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert number(done.stdout, "deliveries") == 1500 + number(done.stdout, "of paced churches")
    # On a slow machine a failpoint may be armed too late for any worker to reach it.
    assert 11 <= number(done.stdout, "kills") <= 14
    assert number(done.stdout, "lost") == number(done.stdout, "doubled") == 0
    assert number(done.stdout, "mails repeated too often") == number(done.stdout, "faster than its pace") == 0
    for channel in CHANNEL_SHARES:
        assert number(done.stdout, f"{channel}: deliveries") > 50
    assert number(done.stdout, "restart Redis: empty") == number(done.stdout, "restart PostgreSQL") == 1
    assert number(done.stdout, "stall Redis") == number(done.stdout, "stall PostgreSQL") == 1
    assert number(done.stdout, "schedules") == number(done.stdout, "runs sent") + number(done.stdout, "runs skipped")
    assert number(done.stdout, "runs sent") > 0
    assert number(done.stdout, "to groups") > 0
    assert number(done.stdout, "with merge fields") > 0
    # People opted out while their texts were queued, and before others were written.
    assert number(done.stdout, "written to after STOP") == 0
    assert number(done.stdout, "deliveries suppressed at the claim") > 0
    assert number(done.stdout, "deliveries suppressed when they were written") > 0
    # Workers were killed in each state that leaves work behind, in the batches of one church and in those of many.
    for point in ("claimed, not submitted", "accepted, nothing recorded", "accepted, half recorded"):
        assert number(done.stdout, f"killed: {point}") >= 1
        assert number(done.stdout, f"killed: paced batch: {point}") >= 1


@pytest.mark.extended
def test_a_run_fails_with_doubled_deliveries_when_those_in_doubt_are_sent_again() -> None:
    done = chaos(
        *("--seed", "2", "--deliveries", "500", "--minutes", "0.15", "--kills", "6", "--redis-restarts", "0"),
        *("--flushes", "0", "--postgres-restarts", "0", "--episodes", "3", "--mail-episodes", "0", "--requeues", "0"),
        *("--redis-stalls", "0", "--postgres-stalls", "0"),
        *("--ablate", "reconcile", "--unchanged-seconds", "8", "--idle-timeout-seconds", "40"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert number(done.stdout, "doubled") > 0


@pytest.mark.extended
def test_a_run_fails_when_the_claim_does_not_look_for_opt_outs() -> None:
    done = chaos(
        *("--seed", "42", "--deliveries", "400", "--paced-churches", "10", "--minutes", "0.2"),
        *(*NO_FAULTS, "--ablate", "opt-outs"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert number(done.stdout, "written to after STOP") > 0
    assert number(done.stdout, "lost") == number(done.stdout, "doubled") == 0


@pytest.mark.extended
def test_a_run_fails_with_lost_deliveries_when_no_clock_enqueues_lost_work() -> None:
    done = chaos(
        *("--seed", "3", "--deliveries", "500", "--minutes", "0.15", "--kills", "6", "--redis-restarts", "1"),
        *("--flushes", "1", "--postgres-restarts", "0", "--episodes", "0", "--mail-episodes", "0", "--requeues", "0"),
        *("--redis-stalls", "0", "--postgres-stalls", "0"),
        *("--ablate", "sweep", "--unchanged-seconds", "5", "--idle-timeout-seconds", "20"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert number(done.stdout, "lost") > 0


@pytest.mark.extended
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
    assert process.wait(timeout=60) == 2
    assert processes_of(folder) == []
    shutil.rmtree(folder)


def processes_of(folder: str) -> list[str]:
    """The commands of the run's processes: each has the folder in its arguments or environment, or works in it."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            works_in = str((entry / "cwd").readlink())
        except OSError:
            continue
        if folder.encode() in command or works_in.startswith(folder):
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found
