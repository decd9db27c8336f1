"""The frame of every producer: `produce.py COUNT FIRST` enqueues a job for each of COUNT recipients."""

import json
import sys
import time
from collections.abc import Callable, Sequence

FIRST_NUMBER = 3_000_000_000


def recipients(arguments: Sequence[str]) -> list[str]:
    """COUNT different numbers, the first of them the FIRST-th there is."""
    count, first = (int(word) for word in arguments)
    return [f"+1{FIRST_NUMBER + number}" for number in range(first, first + count)]


class Clock:
    """Tells on standard output when the first job is about to be enqueued, and when the last one was."""

    def __enter__(self) -> None:
        self._cpu_before = time.process_time()
        print(json.dumps({"began_at": time.time()}), flush=True)

    def __exit__(self, *_: object) -> None:
        cpu_seconds = time.process_time() - self._cpu_before
        print(json.dumps({"ended_at": time.time(), "cpu_seconds": cpu_seconds}), flush=True)


def run(enqueue_all: Callable[[list[str]], None], *, warm: Callable[[], object]) -> None:
    """Connect first, then enqueue under the clock."""
    everyone = recipients(sys.argv[1:])
    warm()
    with Clock():
        enqueue_all(everyone)
