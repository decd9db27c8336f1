"""Churches that have more to send than they may claim now: for lack of free slots, or because of their pace."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from uuid import UUID


class DeferredClaims:
    """A queue of churches, first in, first out; each waits in it once. Not thread-safe: its owner holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[UUID, None] = {}
        """For free slots, in order."""
        self._later: list[tuple[float, UUID]] = []
        """For a time: a heap."""

    def add(self, church_id: UUID, *, after_seconds: float = 0.0) -> None:
        """Let the church wait for free slots, once so many seconds have passed."""
        if after_seconds > 0:
            heapq.heappush(self._later, (self._clock() + after_seconds, church_id))
        else:
            self._waiting.setdefault(church_id)

    def take_ready(self, may_claim: Callable[[UUID], bool]) -> list[UUID]:
        """Remove and return the churches whose time has come and that may claim now."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[1])
        ready = [church_id for church_id in self._waiting if may_claim(church_id)]
        for church_id in ready:
            del self._waiting[church_id]
        return ready

    def seconds_to_next(self) -> float | None:
        """Seconds until the next church's time comes; None when no church waits for a time."""
        return max(0.0, self._later[0][0] - self._clock()) if self._later else None
