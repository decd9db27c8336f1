"""How the connections to a carrier are shared among churches."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

CHURCH_SHARE = 0.75
"""The part of the capacity that one church may occupy. The rest stays free for other churches."""
SMALLEST_CLAIM_SHARE = 0.25
"""A church with deliveries in flight claims again only when it may claim this part of the capacity at once: many
claims of a few deliveries cost more than one of many."""


class Slots:
    """Counts the deliveries in flight, per church and in total. Not thread-safe: its owner holds a lock.

    Counting does not reserve: between `claimable()` and `occupy()` another thread may claim too.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity`: how many deliveries may be in flight at once, of all churches together."""
        self._capacity = capacity
        self._per_church_limit = max(1, int(CHURCH_SHARE * capacity))
        self._smallest_claim = int(SMALLEST_CLAIM_SHARE * capacity)
        self._in_flight: Counter[UUID] = Counter()

    def claimable(self, church_id: UUID) -> int:
        """How many deliveries the church may claim now; 0 when too few slots are free."""
        in_flight = self._in_flight[church_id]
        free = min(self.free(), self._per_church_limit - in_flight)
        smallest = self._smallest_claim if in_flight else 1
        return free if free >= smallest else 0

    def free(self) -> int:
        """How many deliveries of several churches together may be claimed now."""
        return max(0, self._capacity - self._in_flight.total())

    def occupy(self, church_id: UUID, count: int) -> None:
        """Count deliveries that are about to be submitted."""
        self._in_flight[church_id] += count

    def release(self, church_id: UUID) -> None:
        """Free the slot of one delivery, whose result is known."""
        self._in_flight[church_id] -= 1
        if not self._in_flight[church_id]:
            del self._in_flight[church_id]

    def has_in_flight(self, church_id: UUID) -> bool:
        """Whether the church has deliveries in flight."""
        return church_id in self._in_flight
