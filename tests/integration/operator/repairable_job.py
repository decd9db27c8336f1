"""Jobs that the tests control, for a worker that runs in the test's own process."""

from __future__ import annotations

import threading

broken = True
"""Whether work() fails."""
done: list[str] = []
released = threading.Event()
"""Ends wait_for_release()."""


class NotRegisteredError(Exception):
    """The error with which work() fails."""


def work(name: str) -> None:
    if broken:
        raise NotRegisteredError("the sender is not registered")
    done.append(name)


def wait_for_release() -> None:
    released.wait(timeout=60)
