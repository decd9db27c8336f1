"""The API's bell: nobody waits for it, and nothing that was asked for is forgotten."""

from __future__ import annotations

import threading
import time
from uuid import UUID, uuid4

import pytest

from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from settings import Settings
from tests.harness.waiting import wait_until

CHURCH = uuid4()


class Tower(JobQueue):
    """Notes the rings; while `hangs` is set the rope does not move, as with a Redis that does not answer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.heard: list[tuple[str, tuple[str, ...]]] = []
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        self.entered.set()
        self.free.wait(timeout=20)
        self.heard.append((kind.name, arguments))
        return True

    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        self.heard.append(("withdrawn", (queue, job_id)))
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        self.heard.append(("closed", ()))


@pytest.fixture
def tower(settings: Settings) -> Tower:
    return Tower(settings)


@pytest.fixture
def bell(settings: Settings, tower: Tower) -> BufferedJobQueue:
    return BufferedJobQueue(settings, tower)


def turn(church_id: UUID = CHURCH) -> tuple[str, tuple[str, ...]]:
    return ("submit_batch", (str(church_id), "sms"))


def test_nobody_waits_and_what_many_ask_for_meanwhile_is_rung_for_once(tower: Tower, bell: BufferedJobQueue) -> None:
    other = uuid4()
    tower.free.clear()
    began = time.monotonic()
    bell.enqueue_batch(channel="sms", church_id=CHURCH)
    assert tower.entered.wait(timeout=20)

    for _ in range(100):
        assert bell.enqueue_batch(channel="sms", church_id=CHURCH)
        assert bell.enqueue_batch(channel="sms", church_id=other)
    assert time.monotonic() - began < 10
    tower.free.set()

    # What was asked for after the first ring began is rung for again: that ring may have been too early for it.
    wait_until(lambda: sorted(tower.heard) == sorted([turn(), turn(), turn(other)]))
    bell.close()


def test_receipts_gather_for_a_while_and_the_last_of_them_is_rung_for_too(tower: Tower, bell: BufferedJobQueue) -> None:
    bell.enqueue_receipts()
    wait_until(lambda: len(tower.heard) == 1)
    for _ in range(50):
        bell.enqueue_receipts()

    wait_until(lambda: len(tower.heard) == 2)
    time.sleep(0.3)
    assert len(tower.heard) == 2
    bell.close()


def test_closing_rings_for_what_is_left(tower: Tower, bell: BufferedJobQueue) -> None:
    bell.enqueue_receipts()
    wait_until(lambda: len(tower.heard) == 1)
    bell.enqueue_receipts()

    bell.close()

    assert tower.heard == [("apply_receipts", ()), ("apply_receipts", ()), ("closed", ())]
