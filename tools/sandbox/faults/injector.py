"""Decides which fault, if any, a request meets."""

from collections import Counter
from random import Random

from tools.sandbox.faults.faults import Chance, Faults, Next

BEFORE_CREATION = ("refuse", "timeout", "too_many_requests", "server_error")
AFTER_CREATION = ("accept_then_drop", "server_error_after_creation")


class FaultInjector:
    """Draws faults from one `Faults` with a seeded generator, and counts those drawn."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.drawn: Counter[str] = Counter()
        self._random = Random(faults.seed)  # noqa: S311 (runs must be repeatable)
        self._left: dict[str, int] = {}

    def happens(self, name: str, *, to: str) -> bool:
        """Return whether this fault happens now to a message for this number."""
        if self.faults.only_to is not None and to != self.faults.only_to:
            return False
        chance: Chance = getattr(self.faults, name)
        if isinstance(chance, Next):
            left = self._left.get(name, chance.count)
            self._left[name] = max(0, left - 1)
            happens = left > 0
        else:
            happens = chance > 0 and self._random.random() < chance
        if happens:
            self.drawn[name] += 1
        return happens

    def first_of(self, names: tuple[str, ...], *, to: str) -> str | None:
        """Return the first of these faults that happens, or None."""
        return next((name for name in names if self.happens(name, to=to)), None)

    def latency_seconds(self, *, to: str) -> float:
        """Return by how much the answer to this request is delayed."""
        faults = self.faults
        if faults.only_to is not None and to != faults.only_to:
            return 0.0
        jitter = self._random.random() * faults.latency_jitter_ms if faults.latency_jitter_ms else 0.0
        return (faults.latency_ms + jitter) / 1000
