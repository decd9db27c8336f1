"""An armed failpoint kills one process that reaches it, and is counted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tools.chaos.worker.armed_failpoints import ArmedFailpoints
from tools.chaos.worker.failpoints import STALLS, Failpoint


@pytest.fixture
def failpoints(tmp_path: Path) -> ArmedFailpoints:
    failpoints = ArmedFailpoints(folder=tmp_path / "failpoints")
    failpoints.make_folders()
    return failpoints


def in_worker(failpoints: ArmedFailpoints, queue: str, *, any_queue_after_seconds: float = 60.0) -> ArmedFailpoints:
    """The same failpoints in a worker of the queue."""
    return ArmedFailpoints(folder=failpoints.folder, queue=queue, any_queue_after_seconds=any_queue_after_seconds)


def exit_code_at(failpoints: ArmedFailpoints, point: Failpoint) -> int:
    """The exit code of a child process that reaches the failpoint."""
    pid = os.fork()
    if pid == 0:
        failpoints.kill_here(point)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_only_the_first_process_that_reaches_an_armed_failpoint_is_killed(failpoints: ArmedFailpoints) -> None:
    failpoints.arm(Failpoint.AFTER_CLAIM)
    assert exit_code_at(failpoints, Failpoint.BEFORE_CLAIM) == 0
    assert exit_code_at(failpoints, Failpoint.AFTER_CLAIM) == -signal.SIGKILL
    assert exit_code_at(failpoints, Failpoint.AFTER_CLAIM) == 0
    assert failpoints.taken() == {(Failpoint.AFTER_CLAIM, ""): 1}


def test_a_failpoint_armed_for_a_queue_kills_a_worker_of_that_queue(failpoints: ArmedFailpoints) -> None:
    failpoints.arm(Failpoint.AFTER_CLAIM, queue="mail")
    assert exit_code_at(in_worker(failpoints, "sms"), Failpoint.AFTER_CLAIM) == 0
    assert exit_code_at(in_worker(failpoints, "mail"), Failpoint.AFTER_CLAIM) == -signal.SIGKILL
    assert failpoints.taken() == {(Failpoint.AFTER_CLAIM, "mail"): 1}
    assert failpoints.kills() == 1


def test_a_failpoint_armed_for_a_queue_kills_any_worker_after_a_while(failpoints: ArmedFailpoints) -> None:
    failpoints.arm(Failpoint.AFTER_CLAIM, queue="mail")
    sms_worker = in_worker(failpoints, "sms", any_queue_after_seconds=-1.0)
    assert exit_code_at(sms_worker, Failpoint.AFTER_CLAIM) == -signal.SIGKILL
    assert failpoints.taken() == {(Failpoint.AFTER_CLAIM, "sms"): 1}


def test_a_failpoint_that_is_given_back_kills_the_next_process(failpoints: ArmedFailpoints) -> None:
    failpoints.arm(Failpoint.HALF_RECORDED)
    name = failpoints.take(Failpoint.HALF_RECORDED)
    assert name is not None
    failpoints.give_back(name)
    assert not failpoints.taken()
    assert exit_code_at(failpoints, Failpoint.HALF_RECORDED) == -signal.SIGKILL


def test_a_stalled_worker_is_not_counted_as_killed(failpoints: ArmedFailpoints) -> None:
    for point in STALLS:
        failpoints.arm(point, seconds=0.0)
        failpoints.stall_here(point)
    assert failpoints.taken() == {(point, ""): 1 for point in STALLS}
    assert failpoints.kills() == 0


def test_a_disarmed_failpoint_kills_no_process(failpoints: ArmedFailpoints) -> None:
    failpoints.arm(Failpoint.AFTER_EXPANSION)
    assert failpoints.disarm_all() == 1
    assert exit_code_at(failpoints, Failpoint.AFTER_EXPANSION) == 0
    assert not failpoints.taken()
