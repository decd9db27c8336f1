"""Churches that have more to send than there is room for now, or than their pace allows yet."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from uuid import UUID


class DeferredClaims:
    """First come, first served. Not for several threads at once."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, None] = {}
        self._later: list[tuple[float, UUID]] = []

    def add(self, church_id: UUID, *, after_seconds: float = 0.0) -> None:
        if after_seconds > 0:
            heapq.heappush(self._later, (time.monotonic() + after_seconds, church_id))
        else:
            self._waiting.setdefault(church_id)

    def take(self, has_room: Callable[[UUID], bool]) -> list[UUID]:
        """Those whose time has come and for whom there is room, no longer waiting."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[1])
        called = [church_id for church_id in self._waiting if has_room(church_id)]
        for church_id in called:
            del self._waiting[church_id]
        return called

    def seconds_to_next(self) -> float | None:
        """Until the next one's time comes; None when nobody waits for a time."""
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
