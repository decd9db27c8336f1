"""Every result is written, in sets, through a restart of PostgreSQL; no failure ends the thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from psycopg import OperationalError

from jobs.sending import recorder
from jobs.sending.recorder import Recorder
from tests.harness.waiting import wait_until


class Ledger:
    """Keeps what is written. Raises `failures` first, one for each attempt. A write waits until `gate` is set."""

    def __init__(self) -> None:
        self.sets: list[list[int]] = []
        self.slices: list[list[int]] = []
        self.failures: list[Exception] = []
        self.attempts = 0
        self.gate = threading.Event()
        self.gate.set()
        self.wake_seconds: float | None = None

    @property
    def written(self) -> list[int]:
        return [result for each in self.sets for result in each]

    def write(self, results: Sequence[int]) -> None:
        self.attempts += 1
        assert self.gate.wait(timeout=60)
        if self.failures:
            raise self.failures.pop(0)
        self.sets.append(list(results))

    def on_slice(self, results: Sequence[int]) -> None:
        self.slices.append(list(results))

    def seconds_to_wake(self) -> float | None:
        return self.wake_seconds


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def results(ledger: Ledger, stopping: threading.Event) -> Iterator[Recorder[int]]:
    """A recorder that writes to the ledger."""
    opened: Recorder[int] = Recorder(
        "sms",
        write=ledger.write,
        on_slice=ledger.on_slice,
        seconds_to_wake=ledger.seconds_to_wake,
        stopping=stopping,
        retry_seconds=0.001,
    )
    yield opened
    ledger.gate.set()
    opened.close()


def add(results: Recorder[int], *numbers: int) -> None:
    results.expect(len(numbers))
    for number in numbers:
        results.add(number)


def test_results_that_come_in_during_a_write_are_written_together(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.gate.clear()
    add(results, 0)
    wait_until(lambda: ledger.attempts == 1)
    add(results, *range(1, 100))

    ledger.gate.set()
    results.wait_until_idle()

    assert ledger.sets == [[0], list(range(1, 100))]


def test_a_set_has_a_largest_size(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.gate.clear()
    add(results, -1)
    wait_until(lambda: ledger.attempts == 1)
    add(results, *range(recorder.SLICE + 1))

    ledger.gate.set()
    results.wait_until_idle()

    assert [len(each) for each in ledger.sets] == [1, recorder.SLICE, 1]
    assert ledger.written == [-1, *range(recorder.SLICE + 1)]


def test_on_slice_gets_a_slice_before_it_is_written(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.gate.clear()
    add(results, 7)

    wait_until(lambda: ledger.slices == [[7]])
    assert ledger.written == []


def test_while_postgresql_is_away_the_write_is_repeated(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.failures = [OperationalError("away")] * 3
    add(results, 1, 2)
    results.wait_until_idle()

    assert ledger.written == [1, 2]
    assert ledger.attempts == 4


def test_after_a_stop_was_requested_the_write_is_not_repeated(
    ledger: Ledger, results: Recorder[int], stopping: threading.Event
) -> None:
    stopping.set()
    ledger.failures = [OperationalError("away")]
    add(results, 1)
    results.wait_until_idle()

    assert ledger.attempts == 1
    assert ledger.written == []


def test_a_set_that_cannot_be_written_is_dropped_and_later_results_are_written(
    ledger: Ledger, results: Recorder[int]
) -> None:
    ledger.failures = [ValueError("broken")]
    add(results, 1)
    results.wait_until_idle()
    add(results, 2)
    results.wait_until_idle()

    assert ledger.written == [2]


def test_it_is_not_idle_before_every_expected_result_is_written(ledger: Ledger, results: Recorder[int]) -> None:
    ended = threading.Event()

    def wait() -> None:
        results.wait_until_idle()
        ended.set()

    results.expect(2)
    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    results.add(1)
    wait_until(lambda: ledger.written == [1])
    assert not ended.is_set()

    results.add(2)
    assert ended.wait(timeout=60)
    assert ledger.written == [1, 2]


def test_it_wakes_after_seconds_to_wake(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.wake_seconds = 0.001
    results.wake()

    wait_until(lambda: len(ledger.slices) >= 3)
    assert ledger.slices[:3] == [[], [], []]
    assert ledger.attempts == 0


def test_closing_waits_until_expected_results_are_written(ledger: Ledger, results: Recorder[int]) -> None:
    ledger.gate.clear()
    results.expect(1)
    closing = threading.Thread(target=results.close, daemon=True)
    closing.start()

    results.add(1)
    ledger.gate.set()
    closing.join(timeout=60)

    assert not closing.is_alive()
    assert ledger.written == [1]
