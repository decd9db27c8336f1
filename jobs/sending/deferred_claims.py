"""Churches with due deliveries that they may not claim yet: they wait for free slots, or for their pace."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from uuid import UUID


class DeferredClaims:
    """A first-in, first-out queue in which each church waits once. Not thread-safe: its owner holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[UUID, None] = {}
        """The churches that wait for free slots, in order."""
        self._later: list[tuple[float, UUID]] = []
        """A heap of the churches that wait for a time, with that time."""

    def add(self, church_id: UUID, *, after_seconds: float = 0.0) -> None:
        """Add the church to those that wait for free slots, now or after `after_seconds`."""
        if after_seconds > 0:
            heapq.heappush(self._later, (self._clock() + after_seconds, church_id))
        else:
            self._waiting.setdefault(church_id)

    def take_ready(self, may_claim: Callable[[UUID], bool]) -> list[UUID]:
        """Remove and return the churches that may claim now and do not wait for a later time."""
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[1])
        ready = [church_id for church_id in self._waiting if may_claim(church_id)]
        for church_id in ready:
            del self._waiting[church_id]
        return ready

    def seconds_to_next(self) -> float | None:
        """Seconds until the next church stops waiting for a time; None when no church waits for one."""
        return max(0.0, self._later[0][0] - self._clock()) if self._later else None
