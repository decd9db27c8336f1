"""A job that fails until `broken` is set to False, for a worker that runs in the test's own process."""

from __future__ import annotations

broken = True
done: list[str] = []


class NotRegisteredError(Exception):
    """What such a job fails with."""


def work(name: str) -> None:
    if broken:
        raise NotRegisteredError("the sender is not registered")
    done.append(name)
