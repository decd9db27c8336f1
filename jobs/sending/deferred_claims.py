"""Claims that must wait: of churches for free slots, and of the paced churches, together, for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID


class DeferredClaims:
    """Each church waits once, first in, first out. Not thread-safe: its owner holds a lock."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: dict[UUID, None] = {}
        """The churches that wait for free slots, in order."""
        self._paced_at: float | None = None

    def add(self, church_id: UUID) -> None:
        """Let the church wait until slots are free for it."""
        self._waiting.setdefault(church_id)

    def take_ready(self, may_claim: Callable[[UUID], bool]) -> list[UUID]:
        """Remove and return the churches that may claim now."""
        ready = [church_id for church_id in self._waiting if may_claim(church_id)]
        for church_id in ready:
            del self._waiting[church_id]
        return ready

    def set_paced(self, *, after_seconds: float) -> None:
        """Let the paced churches wait for this time, unless they wait for an earlier one."""
        at = self._now() + after_seconds
        self._paced_at = at if self._paced_at is None else min(at, self._paced_at)

    def take_paced(self) -> bool:
        """Whether the time of the paced churches has come. They then no longer wait for it."""
        if self._paced_at is None or self._paced_at > self._now():
            return False
        self._paced_at = None
        return True

    def seconds_to_paced(self) -> float | None:
        """Seconds until the time of the paced churches; None when they do not wait for one."""
        return None if self._paced_at is None else max(0.0, self._paced_at - self._now())
