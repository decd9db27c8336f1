"""Shared by all producers: `produce.py COUNT FIRST` enqueues a job for each of COUNT recipients."""

import json
import sys
import time
from collections.abc import Callable, Sequence

FIRST_NUMBER = 3_000_000_000


def recipients(arguments: Sequence[str]) -> list[str]:
    """Return COUNT distinct numbers, beginning with number FIRST."""
    count, first = (int(word) for word in arguments)
    return [f"+1{FIRST_NUMBER + number}" for number in range(first, first + count)]


class Clock:
    """Prints the times before the first and after the last job is enqueued, and the CPU time between."""

    def __enter__(self) -> None:
        self._cpu_before = time.process_time()
        print(json.dumps({"began_at": time.time()}), flush=True)

    def __exit__(self, *_: object) -> None:
        cpu_seconds = time.process_time() - self._cpu_before
        print(json.dumps({"ended_at": time.time(), "cpu_seconds": cpu_seconds}), flush=True)


def run(enqueue_all: Callable[[list[str]], None], *, warm: Callable[[], object]) -> None:
    """Connect, then enqueue and print the times."""
    all_recipients = recipients(sys.argv[1:])
    warm()
    with Clock():
        enqueue_all(all_recipients)
