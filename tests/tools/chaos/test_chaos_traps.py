"""A trap kills one process, at its point, and is counted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tools.chaos.points import Point
from tools.chaos.traps import Traps


@pytest.fixture
def traps(tmp_path: Path) -> Traps:
    traps = Traps(folder=tmp_path / "traps")
    traps.make_folders()
    return traps


def serving(traps: Traps, queue: str, *, patience_seconds: float = 60.0) -> Traps:
    """The same traps, as a worker of the queue sees them."""
    return Traps(folder=traps.folder, queue=queue, patience_seconds=patience_seconds)


def exit_status_at(traps: Traps, point: Point) -> int:
    """What becomes of a process that passes the point."""
    pid = os.fork()
    if pid == 0:
        traps.strike(point)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_first_process_to_pass_the_point_dies_and_no_other(traps: Traps) -> None:
    traps.arm(Point.AFTER_CLAIM)
    assert exit_status_at(traps, Point.BEFORE_CLAIM) == 0
    assert exit_status_at(traps, Point.AFTER_CLAIM) == -signal.SIGKILL
    assert exit_status_at(traps, Point.AFTER_CLAIM) == 0
    assert traps.taken() == {(Point.AFTER_CLAIM, ""): 1}


def test_a_trap_for_one_queue_lets_the_others_pass_and_counts_whom_it_caught(traps: Traps) -> None:
    traps.arm(Point.AFTER_CLAIM, queue="mail")
    assert exit_status_at(serving(traps, "sms"), Point.AFTER_CLAIM) == 0
    assert exit_status_at(serving(traps, "mail"), Point.AFTER_CLAIM) == -signal.SIGKILL
    assert traps.taken() == {(Point.AFTER_CLAIM, "mail"): 1}
    assert traps.deaths() == 1


def test_a_trap_whose_queue_does_not_come_takes_whoever_comes(traps: Traps) -> None:
    traps.arm(Point.AFTER_CLAIM, queue="mail")
    assert exit_status_at(serving(traps, "sms", patience_seconds=-1.0), Point.AFTER_CLAIM) == -signal.SIGKILL
    assert traps.taken() == {(Point.AFTER_CLAIM, "sms"): 1}


def test_a_trap_that_is_given_back_waits_for_the_next(traps: Traps) -> None:
    traps.arm(Point.HALF_RECORDED)
    name = traps.take(Point.HALF_RECORDED)
    assert name is not None
    traps.give_back(name)
    assert not traps.taken()
    assert exit_status_at(traps, Point.HALF_RECORDED) == -signal.SIGKILL


def test_disarmed_traps_kill_nobody(traps: Traps) -> None:
    traps.arm(Point.BEFORE_RING)
    assert traps.disarm_all() == 1
    assert exit_status_at(traps, Point.BEFORE_RING) == 0
    assert not traps.taken()
