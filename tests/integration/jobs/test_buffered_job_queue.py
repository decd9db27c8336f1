"""The API's job queue: callers do not wait for Redis, and every request leads to a job."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest

from jobs.job_queue.buffered_job_queue import BufferedJobQueue
from jobs.job_queue.job_kinds import JobKind
from jobs.job_queue.job_queue import JobQueue
from settings import Settings
from tests.harness.waiting import wait_until

CHURCH = uuid4()


class RecordingJobQueue(JobQueue):
    """Records its calls. While `answers` is cleared, enqueueing blocks, as with a Redis that does not answer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.answers = threading.Event()
        self.answers.set()
        self.entered = threading.Event()

    def enqueue(self, kind: JobKind, queue: str, *arguments: str) -> bool:
        self.entered.set()
        self.answers.wait(timeout=60)
        self.calls.append((kind.name, arguments))
        return True

    def withdraw_failed(self, queue: str, job_id: str) -> bool:
        self.calls.append(("withdrawn", (queue, job_id)))
        return True

    def check(self) -> str | None:
        return None

    def close(self) -> None:
        self.calls.append(("closed", ()))


@pytest.fixture
def recording(settings: Settings) -> RecordingJobQueue:
    return RecordingJobQueue(settings)


@pytest.fixture
def buffered(settings: Settings, recording: RecordingJobQueue) -> BufferedJobQueue:
    return BufferedJobQueue(settings, recording)


def batch_job(church_id: UUID = CHURCH) -> tuple[str, tuple[str, ...]]:
    return ("submit_batch", (str(church_id), "sms"))


def test_callers_do_not_wait_and_their_requests_become_one_job(
    recording: RecordingJobQueue, buffered: BufferedJobQueue
) -> None:
    other = uuid4()
    recording.answers.clear()
    buffered.enqueue_batch(channel="sms", church_id=CHURCH)
    assert recording.entered.wait(timeout=60)

    for _ in range(100):
        assert buffered.enqueue_batch(channel="sms", church_id=CHURCH)
        assert buffered.enqueue_batch(channel="sms", church_id=other)
    assert recording.calls == [], "the first request is still not answered"
    recording.answers.set()

    # The first job began to be enqueued before the later requests: it may run too early for them.
    wait_until(lambda: sorted(recording.calls) == sorted([batch_job(), batch_job(), batch_job(other)]))
    buffered.close()


def test_many_requests_for_receipts_become_one_more_job(
    recording: RecordingJobQueue, buffered: BufferedJobQueue
) -> None:
    buffered.enqueue_receipts()
    wait_until(lambda: len(recording.calls) == 1)
    for _ in range(50):
        buffered.enqueue_receipts()

    wait_until(lambda: len(recording.calls) == 2)
    buffered.close()
    assert recording.calls == [("apply_receipts", ()), ("apply_receipts", ()), ("closed", ())]


def test_closing_enqueues_what_is_buffered(recording: RecordingJobQueue, buffered: BufferedJobQueue) -> None:
    buffered.enqueue_receipts()
    wait_until(lambda: len(recording.calls) == 1)
    buffered.enqueue_receipts()

    buffered.close()

    assert recording.calls == [("apply_receipts", ()), ("apply_receipts", ()), ("closed", ())]
