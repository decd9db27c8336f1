"""Children are restarted when they exit, drained on a stop, and never outlive their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from processes.child_process import Program
from processes.supervisor import Backoff, ProgramKeepsExiting, Supervisor
from tests.harness.process_tree import is_running
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[3]
QUICK = Backoff(first_seconds=0.01, longest_seconds=0.02)

# Reports its start and its stop. After the stop signal it drains until the file given as argument contains "asked".
# Each line is one write, because a signal may arrive at any time.
DRAINS = """
import os, signal, sys, time
from pathlib import Path
def end(*_):
    os.write(1, b"asked\\n")
    while "asked" not in Path(sys.argv[1]).read_text(): time.sleep(0.01)
    os.write(1, b"drained\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
os.write(1, b"up\\n")
while True: time.sleep(1)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
COUNTS_SIGNALS = """
import os, signal, sys, time
asked = 0
def end(*_):
    global asked
    asked += 1; os.write(1, b"asked %d\\n" % asked)
    if asked == 2: sys.exit(0)
signal.signal(signal.SIGTERM, end)
os.write(1, b"up\\n")
while True: time.sleep(0.05)
"""


def program(code: str, output: Path, *arguments: str, name: str = "child", **more: object) -> Program:
    command = (sys.executable, "-c", code, *arguments)
    return Program(name=name, command=command, output=output, **more)  # type: ignore[arg-type]


def tick_until(supervisor: Supervisor, predicate: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not predicate():
        assert time.monotonic() < deadline
        supervisor.tick(0.1)


@pytest.mark.parametrize(
    ("exits", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (8, 10.0), (10_000, 10.0)]
)
def test_the_pause_doubles_up_to_its_limit(exits: int, seconds: float) -> None:
    assert Backoff().pause_seconds(exits) == pytest.approx(seconds)


def test_a_child_that_exits_is_restarted(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with Supervisor(backoff=QUICK) as supervisor:
        supervisor.start(program("print('up', flush=True)", output))
        tick_until(supervisor, lambda: output.read_text().count("up") >= 3)


def test_the_exit_of_a_child_ends_the_wait_of_a_tick(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with Supervisor() as supervisor:
        supervisor.start(program(STUBBORN, output))
        first = supervisor.pids()["child"]
        os.kill(first, signal.SIGKILL)
        while supervisor.pids().get("child") in (None, first):
            supervisor.tick(3600.0)


def test_a_child_that_keeps_exiting_is_given_up(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with Supervisor(backoff=QUICK) as supervisor:
        supervisor.start(program("print('up', flush=True); raise SystemExit(3)", output, quick_exits_allowed=2))
        with pytest.raises(ProgramKeepsExiting, match="child keeps exiting \\(exit status 3\\)"):
            for _ in range(1000):
                supervisor.tick(0.1)
    assert output.read_text().count("up") == 3


def test_quick_exits_are_counted_from_0_after_a_healthy_run(tmp_path: Path) -> None:
    output = tmp_path / "out"
    backoff = Backoff(first_seconds=0.01, longest_seconds=0.01, healthy_seconds=0.0)
    with Supervisor(backoff=backoff) as supervisor:
        supervisor.start(program("print('up', flush=True)", output, quick_exits_allowed=1))
        tick_until(supervisor, lambda: output.read_text().count("up") >= 4)


def test_a_signal_stops_the_supervisor_and_the_children_drain_at_the_same_time(tmp_path: Path) -> None:
    outputs = {name: tmp_path / name for name in ("one", "two")}
    with Supervisor() as supervisor:
        for name, other in (("one", "two"), ("two", "one")):  # each drains until the other has been asked to stop
            supervisor.start(program(DRAINS, outputs[name], str(outputs[other]), name=name))
        wait_until(lambda: all("up" in output.read_text() for output in outputs.values()))
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.run()
        supervisor.stop("one", "two")
    assert [output.read_text().split() for output in outputs.values()] == [["up", "asked", "drained"]] * 2


def test_a_child_that_does_not_drain_is_killed(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with Supervisor() as supervisor:
        supervisor.start(program(STUBBORN, output, drain_seconds=0.3))
        wait_until(lambda: "up" in output.read_text())
        pid = supervisor.pids()["child"]
        began = time.monotonic()
        supervisor.stop("child")
        assert time.monotonic() - began >= 0.3
        assert not is_running(pid)


def test_a_second_signal_is_passed_on_to_the_children(tmp_path: Path) -> None:
    output = tmp_path / "out"

    def ask_again() -> None:
        if "asked 1" in output.read_text() and not asked_again:
            asked_again.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    asked_again: list[bool] = []
    with Supervisor(on_tick=ask_again) as supervisor:
        supervisor.start(program(COUNTS_SIGNALS, output, drain_seconds=20.0))
        wait_until(lambda: "up" in output.read_text())
        supervisor.stop("child")
    assert output.read_text().split("\n")[:3] == ["up", "asked 1", "asked 2"]


def test_run_once_returns_the_exit_status(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        assert supervisor.run_once(program("raise SystemExit(7)", tmp_path / "out")) == 7


def test_run_once_ends_on_a_stop_request(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        os.kill(os.getpid(), signal.SIGTERM)
        assert supervisor.run_once(program(STUBBORN, tmp_path / "out")) is None


def test_the_previous_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    with Supervisor():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)] == before


SUPERVISES = """
import sys
from pathlib import Path
from processes.supervisor import Supervisor
from processes.child_process import Program
with Supervisor() as supervisor:
    command = (sys.executable, "-c", Path(sys.argv[1]).read_text(), sys.argv[2])
    supervisor.start(Program(name="child", command=command, output=Path(sys.argv[2])))
    print(supervisor.pids()["child"], flush=True)
    supervisor.run()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent ends")
def test_a_killed_supervisor_leaves_no_orphan_and_the_child_drains(tmp_path: Path) -> None:
    code, output = tmp_path / "code", tmp_path / "out"
    code.write_text(DRAINS)
    command = (sys.executable, "-c", SUPERVISES, str(code), str(output))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        wait_until(lambda: output.exists() and "up" in output.read_text())
        supervisor.kill()
    wait_until(lambda: not is_running(child))
    assert output.read_text().split() == ["up", "asked", "drained"]
