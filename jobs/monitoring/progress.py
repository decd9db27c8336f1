"""Whether the work of a process goes on, told by the thread that works to the thread that watches."""

from __future__ import annotations

from channels.elapsed_time import elapsed_seconds


class Progress:
    """The working thread calls `mark` in each round of its loop."""

    def __init__(self, *, longest_round_seconds: float) -> None:
        self._longest_round_seconds = longest_round_seconds
        self._marked_at = elapsed_seconds()

    def mark(self) -> None:
        self._marked_at = elapsed_seconds()

    @property
    def is_at_work(self) -> bool:
        """False once a round takes longer than any may."""
        return elapsed_seconds() - self._marked_at < self._longest_round_seconds
